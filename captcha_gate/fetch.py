"""Sends requests to vendors and reads their replies, for threads and for event loops. Judges no reply.

One total deadline, capped replies, no redirects, no proxies from the environment, certificates always verified. One
pool per process, for a connection that was open before a fork hands one process another's answers; one pool per event
loop; and one task per call that no waiter's cancellation touches, for httpx's pool loses a slot for ever with each
call that is cancelled while it waits.
"""

from __future__ import annotations

import asyncio
import os
import ssl
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing, closing
from typing import Any, Final
from weakref import WeakKeyDictionary

import httpcore
import httpx

from captcha_gate.deadline import DEADLINE, AsyncDeadlineBackend, SyncDeadlineBackend
from captcha_gate.effects import Fetch
from captcha_gate.errors import FetchError
from captcha_gate.outcome import Reason

__all__ = ["AsyncFetcher", "SyncFetcher"]

#: Bytes of a reply that are read. The longest documented one has about two thousand.
MAX_REPLY: Final = 64 * 1024
#: Seconds by which a call may end itself before its waiter leaves.
_GRACE: Final = 0.1
_POOL: Final[dict[str, Any]] = {"max_connections": 256, "max_keepalive_connections": 64, "keepalive_expiry": 15.0}


class SyncFetcher:
    """Performs `Fetch` in the calling thread.

    Args:
        client: sends instead of a pool of our own. Its own settings hold for connections, proxies and certificates;
            its timeouts do not: httpx's are shortened to what is left, and are per read.

    """

    def __init__(self, client: httpx.Client | None = None) -> None:
        self._client = client
        self._lock = threading.Lock()
        self._pool: tuple[int, httpcore.ConnectionPool] | None = None  # with the process that made it

    def perform(self, fetch: Fetch) -> httpx.Response:
        """The vendor's reply: status and body.

        Raises:
            FetchError: there is none.

        """
        _prepare(fetch)
        try:
            return self._through_client(fetch.request) if self._client else self._through_pool(fetch.request)
        except _FAILURES as error:
            raise _failure(error) from None

    def close(self) -> None:
        """Close the pool. It is made anew if it is needed again."""
        with self._lock:
            pool, self._pool = self._pool, None
        if pool is not None and pool[0] == os.getpid():
            pool[1].close()

    def _through_pool(self, request: httpx.Request) -> httpx.Response:
        response = self._own_pool().handle_request(_core_request(request))
        with closing(response):
            content = _content(response.status, response.headers, response.iter_stream())
            return httpx.Response(response.status, content=content)

    def _through_client(self, request: httpx.Request) -> httpx.Response:
        if self._client is None:
            raise TypeError("no client")
        response = self._client.send(request, stream=True, auth=None, follow_redirects=False)
        with closing(response):
            content = _content(response.status_code, response.headers.raw, response.iter_bytes())
            return httpx.Response(response.status_code, content=content)

    def _own_pool(self) -> httpcore.ConnectionPool:
        with self._lock:
            if self._pool is None or self._pool[0] != os.getpid():
                pool = httpcore.ConnectionPool(_certificates(), network_backend=SyncDeadlineBackend(), **_POOL)
                self._pool = (os.getpid(), pool)
            return self._pool[1]


class AsyncFetcher:
    """Performs `Fetch` on the running event loop (asyncio).

    Args:
        client: as for `SyncFetcher`. It is used on the loop that runs, so it must belong to it.

    """

    def __init__(self, client: httpx.AsyncClient | None = None) -> None:
        self._client = client
        self._pools: WeakKeyDictionary[asyncio.AbstractEventLoop, tuple[int, httpcore.AsyncConnectionPool]] = (
            WeakKeyDictionary()
        )
        self._calls: set[asyncio.Task[httpx.Response]] = set()

    async def perform(self, fetch: Fetch) -> httpx.Response:
        """The vendor's reply: status and body.

        Raises:
            FetchError: there is none.

        """
        call = asyncio.create_task(self._call(fetch), name="captcha_gate-fetch")
        self._calls.add(call)
        call.add_done_callback(self._ended)
        # `wait` leaves the task alone, both when the time is up and when this request is cancelled.
        await asyncio.wait({call}, timeout=fetch.timeout + _GRACE)
        if not call.done():
            raise FetchError(Reason.TIMEOUT, "no complete reply in time")
        return call.result()

    async def aclose(self) -> None:
        """Wait for the calls under way, then close this loop's pool. It is made anew if it is needed again."""
        here = asyncio.get_running_loop()
        calls = [call for call in self._calls if call.get_loop() is here]
        if calls:
            await asyncio.wait(calls)
        _, pool = self._pools.pop(here, (0, None))
        if pool is not None:
            await pool.aclose()

    async def _call(self, fetch: Fetch) -> httpx.Response:
        _prepare(fetch)
        try:
            through = self._through_client if self._client else self._through_pool
            return await through(fetch.request)
        except _FAILURES as error:
            raise _failure(error) from None

    async def _through_pool(self, request: httpx.Request) -> httpx.Response:
        response = await self._own_pool().handle_async_request(_core_request(request))
        async with aclosing(response):
            content = await _acontent(response.status, response.headers, response.aiter_stream())
            return httpx.Response(response.status, content=content)

    async def _through_client(self, request: httpx.Request) -> httpx.Response:
        if self._client is None:
            raise TypeError("no client")
        response = await self._client.send(request, stream=True, auth=None, follow_redirects=False)
        async with aclosing(response):
            content = await _acontent(response.status_code, response.headers.raw, response.aiter_bytes())
            return httpx.Response(response.status_code, content=content)

    def _own_pool(self) -> httpcore.AsyncConnectionPool:
        loop = asyncio.get_running_loop()
        process, pool = self._pools.get(loop, (0, None))
        if pool is None or process != os.getpid():
            pool = httpcore.AsyncConnectionPool(_certificates(), network_backend=AsyncDeadlineBackend(), **_POOL)
            self._pools[loop] = (os.getpid(), pool)
        return pool

    def _ended(self, call: asyncio.Task[httpx.Response]) -> None:
        self._calls.discard(call)
        if not call.cancelled():
            call.exception()  # read it, also where nobody waits any more


def _prepare(fetch: Fetch) -> None:
    DEADLINE.set(time.monotonic() + fetch.timeout)
    request = fetch.request
    request.extensions["timeout"] = dict.fromkeys(("connect", "read", "write", "pool"), fetch.timeout)
    request.headers.setdefault("Accept", "application/json")
    request.headers.setdefault("Accept-Encoding", "identity")
    request.headers.setdefault("User-Agent", "captcha_gate")


def _core_request(request: httpx.Request) -> httpcore.Request:
    url = request.url
    return httpcore.Request(
        method=request.method,
        url=httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path),
        headers=request.headers.raw,
        content=request.content,
        extensions=request.extensions,
    )


def _certificates() -> ssl.SSLContext:
    return httpx.create_ssl_context(trust_env=False)


def _content(status: int, headers: list[tuple[bytes, bytes]], chunks: Iterator[bytes]) -> bytes:
    """A reply's body; of any status but 200 nothing where it cannot be read.

    Such a status is an answer by itself: a redirect or a 403 whose body is compressed, too long or cut off is no
    outage, and opens no gate.
    """
    body = bytearray()
    try:
        _refuse_encoded(headers)
        for chunk in chunks:
            body += chunk
            _refuse_too_long(body)
    except (FetchError, *_FAILURES):
        if status == 200:
            raise
        return b""
    return bytes(body)


async def _acontent(status: int, headers: list[tuple[bytes, bytes]], chunks: AsyncIterator[bytes]) -> bytes:
    body = bytearray()
    try:
        _refuse_encoded(headers)
        async for chunk in chunks:
            body += chunk
            _refuse_too_long(body)
    except (FetchError, *_FAILURES):
        if status == 200:
            raise
        return b""
    return bytes(body)


def _refuse_too_long(body: bytearray) -> None:
    if len(body) > MAX_REPLY:
        raise FetchError(Reason.BAD_REPLY, f"the reply is longer than {MAX_REPLY} bytes")


def _refuse_encoded(headers: list[tuple[bytes, bytes]]) -> None:
    """Nothing is ever decompressed: a small reply could be a large one."""
    if any(name.lower() == b"content-encoding" and value.lower() != b"identity" for name, value in headers):
        raise FetchError(Reason.BAD_REPLY, "the reply is compressed, which we did not ask for")


_FAILURES: Final = (
    httpcore.TimeoutException,
    httpcore.NetworkError,
    httpcore.RemoteProtocolError,
    httpx.TimeoutException,
    httpx.NetworkError,
    httpx.RemoteProtocolError,
)


def _failure(error: Exception) -> FetchError:
    kind = type(error).__name__
    if isinstance(error, (httpcore.PoolTimeout, httpx.PoolTimeout)):
        # Our own fault: it proves nothing about the vendor.
        return FetchError(Reason.OVERLOADED, "all connections are busy", proves_outage=False)
    if isinstance(error, (httpcore.ConnectTimeout, httpx.ConnectTimeout)):
        return FetchError(Reason.TIMEOUT, kind, nothing_sent=True)
    if isinstance(error, (httpcore.TimeoutException, httpx.TimeoutException)):
        return FetchError(Reason.TIMEOUT, kind)
    if isinstance(error, (httpcore.ConnectError, httpx.ConnectError)):
        if _is_untrusted(error):
            # Somebody in between, or a wrong base_url: whoever could cause it must not open the gate with it.
            return FetchError(Reason.NETWORK, f"{kind}: {error}", proves_outage=False)
        return FetchError(Reason.NETWORK, f"{kind}: {error}", nothing_sent=True)
    return FetchError(Reason.NETWORK, kind)


def _is_untrusted(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, ssl.SSLCertVerificationError):
            return True
        error = error.__cause__ or error.__context__
    return False
