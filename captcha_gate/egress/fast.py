"""Calls to vendors by aiohttp, where the extra `fast` is installed: several times as many a second. Judges no reply.

httpcore looks at every connection of its pool for every request; aiohttp keeps those that are free in a queue. What
holds for the one holds for the other: one deadline for the whole call, capped replies, no redirects, no cookies, no
proxies from the environment, certificates always verified, names looked up in threads of our own. A call that is
cancelled closes its connection, and the next one opens another: no slot is lost, so calls need no task of their own
(`shield`).
"""

from __future__ import annotations

import asyncio
import socket
import ssl
import time
import weakref
from functools import lru_cache
from typing import Final

import aiohttp
import httpcore
import httpx
from aiohttp.abc import AbstractResolver, ResolveResult
from multidict import CIMultiDict
from yarl import URL

from captcha_gate.effects import Fetch
from captcha_gate.egress.base import CLOSING
from captcha_gate.egress.resolver import Resolver
from captcha_gate.egress.slots import AsyncSlots
from captcha_gate.egress.wire import ReplyBody, all_busy, being_closed, headers_of
from captcha_gate.time_limits import within

__all__ = ["FastPool"]

#: Seconds for which a connection waits for the next call.
_KEEPALIVE: Final = 15.0
#: Seconds that a look-up may take; the call's own deadline is shorter.
_LONGEST: Final = 60.0
#: Seconds after a reply in which the loop is up to date. Later on it gets a turn before a call, to hear which of its
#: connections have been closed meanwhile: it may have stood still. With one before each of hundreds of calls, all of
#: them would begin before any could end, and the garbage collector would look at them all the time.
_HEARD_OF_ALL: Final = 0.01
#: Ours is around the whole call. aiohttp's own cancels the task as well, and where somebody else does so at the same
#: moment, it takes both for its own: a request that was given up would go on.
_NO_TIMEOUT: Final = aiohttp.ClientTimeout(total=None, sock_connect=None)
#: What aiohttp raises when a vendor, or the way to it, fails.
_FAILURES: Final = (aiohttp.ClientError, TimeoutError, OSError)


class FastPool:
    """Sends on one event loop, the one on which it is made.

    Args:
        tls: whom to trust.
    """

    def __init__(self, tls: ssl.SSLContext) -> None:
        connector = _Connector(
            limit=0, ssl=tls, resolver=_Addresses(), use_dns_cache=False, keepalive_timeout=_KEEPALIVE
        )
        self._slots = AsyncSlots()
        self._heard = 0.0  # when the latest reply came
        self._session = aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            trust_env=False,
        )
        # A loop that ended without closing us took the connections along: nothing is left to complain about. Not by
        # `__del__`, for of two objects that go at the same time the session may be the first.
        weakref.finalize(self, _leave, self._session).atexit = False

    async def send(self, fetch: Fetch) -> httpx.Response:
        """As `base.Pool.send`."""
        deadline = time.monotonic() + fetch.timeout
        async with self._slots.taken(fetch):
            if time.monotonic() - self._heard > _HEARD_OF_ALL:
                await asyncio.sleep(0)
            if self._session.closed:
                raise being_closed()
            return await self._send(fetch.request, deadline)

    async def _send(self, request: httpx.Request, deadline: float) -> httpx.Response:
        headers = CIMultiDict([(name.decode("ascii"), value.decode("latin-1")) for name, value in headers_of(request)])
        body: ReplyBody | None = None
        try:
            with within(_left(deadline)):
                async with self._session.request(
                    request.method,
                    _url(str(request.url)),
                    data=request.content or None,
                    headers=headers,
                    allow_redirects=False,
                    # It adds nothing else that `headers_of` does not have; to be told so costs a tenth of the call.
                    skip_auto_headers=None if "Content-Type" in headers else ("Content-Type",),
                    timeout=_NO_TIMEOUT,
                ) as response:
                    body = ReplyBody(response.status, response.raw_headers)
                    while chunk := await response.content.readany():
                        if not body.feed(chunk):
                            break
        except _FAILURES as error:
            if self._session.closed:
                raise being_closed() from error
            if body is None:
                raise _as_httpcore(error) from error
            return body.response(_as_httpcore(error))
        self._heard = time.monotonic()
        return body.response()

    async def aclose(self) -> None:
        """Wait a moment for the calls under way, then close all connections."""
        try:
            async with asyncio.timeout(CLOSING):
                await self._slots.drained()
        except TimeoutError:
            pass  # they end with their connections
        await self._session.close()


def _left(deadline: float) -> float:
    """Seconds until a call must be over; raises where that has passed."""
    left = deadline - time.monotonic()
    if left <= 0:
        raise all_busy()  # it waited for its turn all the time
    return left


def _leave(session: aiohttp.ClientSession) -> None:
    if not session.closed:
        session.detach()


class _Connector(aiohttp.TCPConnector):
    def __del__(self, *_: object) -> None:
        """Go without aiohttp's error in the log, which no operator could do anything about."""
        self._close()


@lru_cache(maxsize=256)
def _url(text: str) -> URL:
    """A vendor's few addresses, parsed once."""
    return URL(text, encoded=True)


class _Addresses(AbstractResolver):
    def __init__(self) -> None:
        self._resolver = Resolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        try:
            addresses = await self._resolver.aaddresses(host, _LONGEST)
        except httpcore.ConnectError as error:
            raise OSError(str(error)) from error  # what it came from tells whose failure it is
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=socket.AF_INET6 if ":" in address else socket.AF_INET,
                proto=0,
                flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
            )
            for address in addresses
        ]

    async def close(self) -> None:
        pass


def _as_httpcore(error: Exception) -> Exception:
    """The same failure by httpcore's name, for one list of failures is enough."""
    if isinstance(error, (aiohttp.ClientConnectorError, aiohttp.ClientSSLError)):
        return httpcore.ConnectError(str(error))
    if isinstance(error, aiohttp.ConnectionTimeoutError):
        return httpcore.ConnectTimeout(str(error))
    if isinstance(error, TimeoutError):
        return httpcore.ReadTimeout("no complete reply in time")
    if isinstance(error, (aiohttp.ClientResponseError, aiohttp.ClientPayloadError)):
        return httpcore.RemoteProtocolError(type(error).__name__)
    return httpcore.ReadError(type(error).__name__)
