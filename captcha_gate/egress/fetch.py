"""Sends requests to vendors and reads their replies, for threads and for event loops. Judges no reply.

One total deadline, capped replies, no redirects, no proxies from the environment, certificates always verified. One
pool of connections per process, and one per event loop. On a loop, each call is a task that no waiter's cancellation
touches: a pool of any make loses connections when a call is cancelled at the wrong moment.
"""

from __future__ import annotations

import asyncio
import os
import ssl
import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Final, Protocol

import httpx

from captcha_gate.effects import Fetch
from captcha_gate.egress.pools import AsyncClientPool, AsyncPool, SyncClientPool, SyncPool
from captcha_gate.egress.wire import FAILURES, failure, prepare
from captcha_gate.errors import FetchError
from captcha_gate.outcome import Reason

__all__ = ["AsyncFetcher", "SyncFetcher"]

#: Seconds by which a call may end itself before its waiter leaves.
_GRACE: Final = 0.1
#: Seconds after which a waiting call looks at how late the loop is.
_STEP: Final = 0.1
#: Share of a timeout that we may have been late for a time-out to be the vendor's.
_LAG: Final = 0.3
#: Seconds of it that any busy machine may have.
_LEAST_LAG: Final = 0.15
#: Turns that a call needs of its thread: to connect, to send, to read. Each waits for all other threads' turns.
_TURNS: Final = 5
#: Seconds that a thread sleeps to see how soon it gets a turn again.
_MOMENT: Final = 0.001
#: Seconds that closing waits for calls under way.
_CLOSING: Final = 5.0


class _AnyPool(Protocol):
    """What sends on one event loop: `AsyncPool`, or `FastPool` where the extra `fast` is installed."""

    async def send(self, fetch: Fetch) -> httpx.Response: ...

    async def aclose(self) -> None: ...


class SyncFetcher:
    """Performs `Fetch` in the calling thread.

    Args:
        client: sends instead of a pool of our own. Its own settings hold for connections, proxies and certificates;
            its timeouts do not: httpx's are shortened to what is left, and are per read.
    """

    def __init__(self, client: httpx.Client | None = None) -> None:
        if isinstance(client, httpx.AsyncClient):
            raise TypeError("a WSGI gate asks with an httpx.Client; this is an AsyncClient")
        # Certificates are read here: reading all of them takes longer than many a call.
        self._make_pool = partial(SyncPool, _certificates()) if client is None else partial(SyncClientPool, client)
        self._lock = threading.Lock()
        self._pool: tuple[int, SyncPool | SyncClientPool] | None = None  # the process that made it, and the pool

    def perform(self, fetch: Fetch) -> httpx.Response:
        """The vendor's reply: status and body.

        Raises:
            FetchError: there is none.
        """
        prepare(fetch)
        begun = time.monotonic()
        try:
            return self._own_pool().send(fetch)
        except FAILURES as error:
            failed = failure(error)
        if failed.reason is Reason.TIMEOUT and _is_crowded(begun + fetch.timeout, _tolerable(fetch)):
            raise _too_busy()
        raise failed

    def close(self) -> None:
        """Close the pool. It is made anew if it is needed again."""
        with self._lock:
            pool, self._pool = self._pool, None
        if pool is not None and pool[0] == os.getpid():
            pool[1].close()

    def _own_pool(self) -> SyncPool | SyncClientPool:
        with self._lock:
            if self._pool is None or self._pool[0] != os.getpid():
                self._pool = os.getpid(), self._make_pool()
            return self._pool[1]


class AsyncFetcher:
    """Performs `Fetch` on the running event loop (asyncio).

    Args:
        client: as for `SyncFetcher`. It is used on the loop that runs, so it must belong to it.
    """

    def __init__(self, client: httpx.AsyncClient | None = None) -> None:
        if isinstance(client, httpx.Client):
            raise TypeError("an ASGI gate asks with an httpx.AsyncClient; this is a Client")
        self._make_pool: Callable[[], _AnyPool] = (
            partial(_best_pool(), _certificates()) if client is None else partial(AsyncClientPool, client)
        )
        self._pools: dict[asyncio.AbstractEventLoop, tuple[int, _AnyPool]] = {}  # as for threads
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
        if timed_out and lag > _tolerable(fetch):
            raise _too_busy()
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
            await pool[1].aclose()

    async def _call(self, fetch: Fetch) -> httpx.Response:
        prepare(fetch)
        try:
            return await self._own_pool().send(fetch)
        except FAILURES as error:
            raise failure(error) from None

    def _own_pool(self) -> _AnyPool:
        loop = asyncio.get_running_loop()
        made = self._pools.get(loop)
        if made is None or made[0] != os.getpid():
            for ended in [other for other in list(self._pools) if other.is_closed()]:
                self._pools.pop(ended, None)
            made = self._pools[loop] = os.getpid(), self._make_pool()
        return made[1]

    def _ended(self, call: asyncio.Task[httpx.Response]) -> None:
        self._calls.discard(call)
        if not call.cancelled():
            call.exception()  # read it, also where nobody waits any more


def _tolerable(fetch: Fetch) -> float:
    """Seconds by which we may have been late ourselves, in a call that timed out."""
    return max(_LAG * fetch.timeout, _LEAST_LAG)


def _too_busy() -> FetchError:
    """We were too slow to tell: whoever keeps us busy must not pass for an outage."""
    return FetchError(Reason.TIMEOUT, "this process was too busy to tell", proves_outage=False)


def _is_crowded(due: float, tolerable: float) -> bool:
    """Whether this thread gets its turns so late that the call may have timed out for that alone.

    A thread cannot see how late it was at each step of a call, but it can see how late it is now.

    Args:
        due: when the call was to end, on the monotonic clock.
        tolerable: seconds.
    """
    late = time.monotonic() - due
    for _ in range(_TURNS):
        if late > tolerable:
            break
        begun = time.monotonic()
        time.sleep(_MOMENT)
        late += time.monotonic() - begun - _MOMENT
    return late > tolerable


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


def _best_pool() -> Callable[[ssl.SSLContext], _AnyPool]:
    """aiohttp's, where it is installed: made with the gate, for importing it takes longer than many a call."""
    try:
        from captcha_gate.egress.fast import FastPool  # noqa: PLC0415 - an extra
    except ModuleNotFoundError as error:
        if error.name != "aiohttp":
            raise
        return AsyncPool
    return FastPool


def _certificates() -> ssl.SSLContext:
    return httpx.create_ssl_context(trust_env=False)
