"""Sends requests to vendors and reads their replies, for threads and for event loops. Judges no reply.

One total deadline, capped replies, no redirects, no proxies from the environment, certificates always verified. One
pool per process, for a connection that was open before a fork hands one process another's answers; one pool per event
loop. httpcore's pool loses a connection for ever when a call that waits for one is cancelled, or gives up just as one
becomes free: so each call is a task that no waiter's cancellation touches, and calls queue here, never in the pool.
"""

from __future__ import annotations

import asyncio
import os
import ssl
import threading
from contextlib import aclosing, closing
from typing import Any, Final, NamedTuple

import httpcore
import httpx

from captcha_gate.deadline import AsyncDeadlineBackend, SyncDeadlineBackend
from captcha_gate.effects import Fetch
from captcha_gate.errors import FetchError
from captcha_gate.outcome import Reason
from captcha_gate.wire import FAILURES, ReplyBody, all_busy, aread_reply, core_request, failure, prepare, read_reply

__all__ = ["AsyncFetcher", "SyncFetcher"]

#: Seconds by which a call may end itself before its waiter leaves.
_GRACE: Final = 0.1
#: Seconds after which a waiting call looks at how late the loop is.
_STEP: Final = 0.1
#: Share of a timeout that the loop may have been late for a time-out to be the vendor's.
_LAG: Final = 0.3
#: Seconds of it that any busy machine may have.
_LEAST_LAG: Final = 0.15
#: Seconds that closing waits for calls under way.
_CLOSING: Final = 5.0
#: Calls to one host at a time. Others queue until their time is up; a host that hangs holds up no other.
MAX_CALLS: Final = 256
_POOL: Final[dict[str, Any]] = {"max_connections": None, "max_keepalive_connections": 64, "keepalive_expiry": 15.0}


class _SyncPool(NamedTuple):
    process: int  #: the one that made it
    connections: httpcore.ConnectionPool
    slots: dict[str, threading.Semaphore]  #: by host


class _AsyncPool(NamedTuple):
    process: int
    connections: httpcore.AsyncConnectionPool
    slots: dict[str, asyncio.Semaphore]


class SyncFetcher:
    """Performs `Fetch` in the calling thread.

    Args:
        client: sends instead of a pool of our own. Its own settings hold for connections, proxies and certificates;
            its timeouts do not: httpx's are shortened to what is left, and are per read.
    """

    def __init__(self, client: httpx.Client | None = None) -> None:
        if isinstance(client, httpx.AsyncClient):
            raise TypeError("a WSGI gate asks with an httpx.Client; this is an AsyncClient")
        self._client = client
        self._tls = None if client else _certificates()  # a client brings its own
        self._lock = threading.Lock()
        self._pool: _SyncPool | None = None

    def perform(self, fetch: Fetch) -> httpx.Response:
        """The vendor's reply: status and body.

        Raises:
            FetchError: there is none.
        """
        prepare(fetch)
        try:
            return _through_client(self._client, fetch.request) if self._client else self._through_pool(fetch)
        except FAILURES as error:
            raise failure(error) from None

    def close(self) -> None:
        """Close the pool. It is made anew if it is needed again."""
        with self._lock:
            pool, self._pool = self._pool, None
        if pool is not None and pool.process == os.getpid():
            pool.connections.close()

    def _through_pool(self, fetch: Fetch) -> httpx.Response:
        pool = self._own_pool()
        slots = pool.slots.setdefault(fetch.request.url.host, threading.Semaphore(MAX_CALLS))
        if not slots.acquire(timeout=fetch.timeout):
            raise all_busy()
        try:
            response = pool.connections.handle_request(core_request(fetch.request))
            with closing(response):
                return read_reply(ReplyBody(response.status, response.headers), response.iter_stream())
        finally:
            slots.release()

    def _own_pool(self) -> _SyncPool:
        with self._lock:
            if self._pool is None or self._pool.process != os.getpid():
                connections = httpcore.ConnectionPool(self._tls, network_backend=SyncDeadlineBackend(), **_POOL)
                self._pool = _SyncPool(os.getpid(), connections, {})
            return self._pool


class AsyncFetcher:
    """Performs `Fetch` on the running event loop (asyncio).

    Args:
        client: as for `SyncFetcher`. It is used on the loop that runs, so it must belong to it.
    """

    def __init__(self, client: httpx.AsyncClient | None = None) -> None:
        if isinstance(client, httpx.Client):
            raise TypeError("an ASGI gate asks with an httpx.AsyncClient; this is a Client")
        self._client = client
        self._tls = None if client else _certificates()  # a client brings its own
        self._pools: dict[asyncio.AbstractEventLoop, _AsyncPool] = {}
        self._calls: set[asyncio.Task[httpx.Response]] = set()

    async def perform(self, fetch: Fetch) -> httpx.Response:
        """The vendor's reply: status and body.

        Raises:
            FetchError: there is none.
        """
        call = asyncio.create_task(self._call(fetch), name="captcha_gate-fetch")
        self._calls.add(call)
        call.add_done_callback(self._ended)
        lag = await _wait(call, fetch.timeout + _GRACE)
        error = call.exception() if call.done() else FetchError(Reason.TIMEOUT, "no complete reply in time")
        if error is None:
            return call.result()
        timed_out = isinstance(error, FetchError) and error.reason is Reason.TIMEOUT
        if timed_out and lag > max(_LAG * fetch.timeout, _LEAST_LAG):
            # We were too slow to tell: whoever keeps our loop busy must not pass for an outage.
            raise FetchError(Reason.TIMEOUT, "this event loop was too busy to tell", proves_outage=False)
        raise error

    async def aclose(self) -> None:
        """Wait a moment for the calls under way, then close this loop's pool. It is made anew if it is needed again."""
        here = asyncio.get_running_loop()
        calls = [call for call in self._calls if call.get_loop() is here]
        if calls:
            _, unfinished = await asyncio.wait(calls, timeout=_CLOSING)
            for call in unfinished:  # a client of the user's may have no timeout at all
                call.cancel()
        pool = self._pools.pop(here, None)
        if pool is not None:
            await pool.connections.aclose()

    async def _call(self, fetch: Fetch) -> httpx.Response:
        prepare(fetch)
        try:
            return await (_athrough_client(self._client, fetch.request) if self._client else self._through_pool(fetch))
        except FAILURES as error:
            raise failure(error) from None

    async def _through_pool(self, fetch: Fetch) -> httpx.Response:
        pool = self._own_pool()
        slots = pool.slots.setdefault(fetch.request.url.host, asyncio.Semaphore(MAX_CALLS))
        try:
            async with asyncio.timeout(fetch.timeout):
                await slots.acquire()
        except TimeoutError:
            raise all_busy() from None
        try:
            response = await pool.connections.handle_async_request(core_request(fetch.request))
            async with aclosing(response):
                return await aread_reply(ReplyBody(response.status, response.headers), response.aiter_stream())
        finally:
            slots.release()

    def _own_pool(self) -> _AsyncPool:
        loop = asyncio.get_running_loop()
        pool = self._pools.get(loop)
        if pool is None or pool.process != os.getpid():
            for ended in [other for other in list(self._pools) if other.is_closed()]:
                self._pools.pop(ended, None)
            connections = httpcore.AsyncConnectionPool(self._tls, network_backend=AsyncDeadlineBackend(), **_POOL)
            pool = self._pools[loop] = _AsyncPool(os.getpid(), connections, {})
        return pool

    def _ended(self, call: asyncio.Task[httpx.Response]) -> None:
        self._calls.discard(call)
        if not call.cancelled():
            call.exception()  # read it, also where nobody waits any more


async def _wait(call: asyncio.Task[httpx.Response], timeout: float) -> float:
    """Wait for a call, at most so many seconds. `wait` leaves the task alone, also when this request is cancelled.

    Returns:
        Seconds by which the loop woke up too late meanwhile.
    """
    loop = asyncio.get_running_loop()
    end = loop.time() + timeout
    lag = 0.0
    while not call.done() and (begun := loop.time()) < end:
        step = min(_STEP, end - begun)
        await asyncio.wait({call}, timeout=step)
        lag += max(0.0, loop.time() - begun - step)
    return lag


def _through_client(client: httpx.Client, request: httpx.Request) -> httpx.Response:
    response = client.send(request, stream=True, auth=None, follow_redirects=False)
    with closing(response):
        return read_reply(ReplyBody(response.status_code, response.headers.raw), response.iter_bytes())


async def _athrough_client(client: httpx.AsyncClient, request: httpx.Request) -> httpx.Response:
    response = await client.send(request, stream=True, auth=None, follow_redirects=False)
    async with aclosing(response):
        return await aread_reply(ReplyBody(response.status_code, response.headers.raw), response.aiter_bytes())


def _certificates() -> ssl.SSLContext:
    # Made with the gate: reading all certificates takes longer than many a call.
    return httpx.create_ssl_context(trust_env=False)
