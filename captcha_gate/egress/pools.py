"""Connections to vendors: of our own through httpcore, or those of a client that the user gave. Judges no reply.

A connection that was open before a fork hands one process another's answers, so a pool belongs to its process. The
pool loses a connection for ever when a call that waits for one is cancelled, or gives up just as one becomes free: so
calls queue in slots of our own, never in the pool.
"""

from __future__ import annotations

import logging
import ssl
from collections.abc import Iterator
from contextlib import aclosing, closing, contextmanager
from contextvars import ContextVar
from typing import Any, Final

import httpcore
import httpx

from captcha_gate.effects import Fetch
from captcha_gate.egress.deadline import AsyncDeadlineBackend, SyncDeadlineBackend
from captcha_gate.egress.shield import Shielded
from captcha_gate.egress.slots import AsyncSlots, SyncSlots
from captcha_gate.egress.wire import ReplyBody, aread_reply, core_request, headers_of, read_reply

__all__ = ["AsyncClientPool", "AsyncPool", "SyncClientPool", "SyncPool"]

#: Calls of one event loop to one host at a time. httpcore looks at every connection for every call: with ten times as
#: many, a loop got through half as much.
_MAX_CALLS: Final = 32
_POOL: Final[dict[str, Any]] = {"max_connections": None, "max_keepalive_connections": 64, "keepalive_expiry": 15.0}


#: Whether a library speaks of a call of ours. httpx, which only a user's client goes through, logs URLs at the level
#: INFO, and that of a device call holds token and user. httpcore logs the headers of replies at DEBUG, in which a
#: vendor may repeat what it was sent.
_OURS: ContextVar[bool] = ContextVar("captcha_gate_ours", default=False)


def _is_not_ours(_: logging.LogRecord) -> bool:
    return not _OURS.get()


for _name in ("httpx", *(f"httpcore.{part}" for part in ("connection", "http11", "http2", "proxy", "socks"))):
    logging.getLogger(_name).addFilter(_is_not_ours)


@contextmanager
def _unlogged() -> Iterator[None]:
    before = _OURS.set(True)
    try:
        yield
    finally:
        _OURS.reset(before)


class SyncPool:
    """For threads.

    Args:
        tls: whom to trust.
    """

    def __init__(self, tls: ssl.SSLContext) -> None:
        self._connections = httpcore.ConnectionPool(tls, network_backend=SyncDeadlineBackend(), **_POOL)
        self._slots = SyncSlots()

    def send(self, fetch: Fetch) -> httpx.Response:
        """The vendor's reply, within the deadline that stands in the context (`wire.prepare`).

        Raises:
            Exception: one of `wire.FAILURES`: there is none.
            FetchError: it cannot be used.
        """
        with self._slots.taken(fetch), _unlogged():
            response = self._connections.handle_request(core_request(fetch.request))
            with closing(response):
                return read_reply(ReplyBody(response.status, response.headers), response.iter_stream())

    def close(self) -> None:
        """Close all connections."""
        self._connections.close()


class AsyncPool(Shielded):
    """For one event loop.

    Args:
        tls: whom to trust.
    """

    def __init__(self, tls: ssl.SSLContext) -> None:
        super().__init__()
        self._connections = httpcore.AsyncConnectionPool(tls, network_backend=AsyncDeadlineBackend(), **_POOL)
        self._slots = AsyncSlots(_MAX_CALLS)

    async def _send(self, fetch: Fetch) -> httpx.Response:
        async with self._slots.taken(fetch):
            _OURS.set(True)  # for the rest of this task, which is this call
            response = await self._connections.handle_async_request(core_request(fetch.request))
            async with aclosing(response):
                return await aread_reply(ReplyBody(response.status, response.headers), response.aiter_stream())

    async def _close(self) -> None:
        await self._connections.aclose()


class SyncClientPool:
    """The connections of a user's client. They are its own affair: it is not closed here.

    Args:
        client: its redirects and authentication are not used.
    """

    def __init__(self, client: httpx.Client) -> None:
        self._client = client

    def send(self, fetch: Fetch) -> httpx.Response:
        """As `SyncPool.send`; the timeout stands in the request."""
        request = fetch.request
        request.headers = httpx.Headers(headers_of(request))
        with _unlogged():
            response = self._client.send(request, stream=True, auth=None, follow_redirects=False)
            with closing(response):
                return read_reply(ReplyBody(response.status_code, response.headers.raw), response.iter_bytes())

    def close(self) -> None:
        """Leave it open."""


class AsyncClientPool(Shielded):
    """`SyncClientPool` for event loops."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        super().__init__()
        self._client = client

    async def _send(self, fetch: Fetch) -> httpx.Response:
        request = fetch.request
        request.headers = httpx.Headers(headers_of(request))
        _OURS.set(True)  # as in `AsyncPool`
        response = await self._client.send(request, stream=True, auth=None, follow_redirects=False)
        async with aclosing(response):
            return await aread_reply(ReplyBody(response.status_code, response.headers.raw), response.aiter_bytes())

    async def _close(self) -> None:
        """Leave it open."""
