"""Sends requests to vendors and reads their replies, for threads and for event loops. Judges no reply.

One total deadline, capped replies, no redirects, no proxies from the environment, certificates always verified. One
pool of connections per process, and one per event loop.
"""

from __future__ import annotations

import asyncio
import os
import ssl
import threading
import time
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import httpx

from captcha_gate.effects import Fetch
from captcha_gate.egress.base import Pool
from captcha_gate.egress.lateness import LoopWatch, is_crowded, tolerable
from captcha_gate.egress.pools import AsyncClientPool, AsyncPool, SyncClientPool, SyncPool
from captcha_gate.egress.wire import FAILURES, failure, prepare
from captcha_gate.errors import FetchError
from captcha_gate.outcome import Reason

__all__ = ["AsyncFetcher", "SyncFetcher"]


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
        if failed.reason is Reason.TIMEOUT and is_crowded(begun, fetch.timeout):
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


class _Here(NamedTuple):
    """What belongs to one event loop of one process."""

    process: int
    pool: Pool
    watch: LoopWatch


class AsyncFetcher:
    """Performs `Fetch` on the running event loop (asyncio).

    Args:
        client: as for `SyncFetcher`. It is used on the loop that runs, so it must belong to it.
    """

    def __init__(self, client: httpx.AsyncClient | None = None) -> None:
        if isinstance(client, httpx.Client):
            raise TypeError("an ASGI gate asks with an httpx.AsyncClient; this is a Client")
        self._make_pool: Callable[[], Pool] = (
            partial(_best_pool(), _certificates()) if client is None else partial(AsyncClientPool, client)
        )
        self._loops: dict[asyncio.AbstractEventLoop, _Here] = {}

    async def perform(self, fetch: Fetch) -> httpx.Response:
        """The vendor's reply: status and body.

        Raises:
            FetchError: there is none.
        """
        here = self._here()
        begun = here.watch.begin()
        try:
            return await here.pool.send(fetch)
        except FetchError as error:
            failed = error
        except FAILURES as error:
            failed = failure(error)
        finally:
            late = here.watch.end(begun)
        if failed.reason is Reason.TIMEOUT and late > tolerable(fetch.timeout):
            raise _too_busy()
        raise failed

    async def aclose(self) -> None:
        """Wait a moment for the calls under way, then close this loop's pool. It is made anew if it is needed again."""
        here = self._loops.pop(asyncio.get_running_loop(), None)
        if here is not None:
            await here.pool.aclose()

    def _here(self) -> _Here:
        loop = asyncio.get_running_loop()
        here = self._loops.get(loop)
        if here is None or here.process != os.getpid():
            for ended in [other for other in list(self._loops) if other.is_closed()]:
                self._loops.pop(ended, None)
            here = self._loops[loop] = _Here(os.getpid(), self._make_pool(), LoopWatch(loop))
        return here


def _too_busy() -> FetchError:
    """We were too slow to tell: whoever keeps us busy must not pass for an outage."""
    return FetchError(Reason.TIMEOUT, "this process was too busy to tell", proves_outage=False)


def _best_pool() -> Callable[[ssl.SSLContext], Pool]:
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
