"""Queues for calls to vendors, one per host: a host that hangs holds up no other. Sends nothing.

A queue lives as long as somebody is in it, for some providers let clients name hosts, and those have no end.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from captcha_gate.effects import Fetch
from captcha_gate.egress.wire import all_busy

__all__ = ["AsyncSlots", "SyncSlots"]

#: Calls to one host at a time. Others queue until their time is up.
MAX_CALLS: Final = 256
#: Calls that may queue for one host: more could only wait for their time to be up, each holding a client's request.
MAX_WAITING: Final = 1024

S = TypeVar("S")


@dataclass(slots=True)
class _Queue(Generic[S]):
    key: tuple[str, bool]  # the host, and whether it is urgent
    semaphore: S
    users: int = 0


class _Queues(Generic[S]):
    def __init__(self, make: Callable[[int], S], at_most: int) -> None:
        self._make = make
        self._at_most = at_most
        self._lock = threading.Lock()
        self._queues: dict[tuple[str, bool], _Queue[S]] = {}

    def enter(self, fetch: Fetch) -> _Queue[S]:
        key = fetch.request.url.host, fetch.urgent
        at_once = min(MAX_CALLS, self._at_most)
        with self._lock:
            queue = self._queues.get(key)
            if queue is None:
                queue = self._queues[key] = _Queue(key, self._make(at_once))
            elif queue.users >= at_once + MAX_WAITING:
                raise all_busy()
            queue.users += 1
        return queue

    def leave(self, queue: _Queue[S]) -> None:
        with self._lock:
            queue.users -= 1
            if not queue.users:
                del self._queues[queue.key]

    def __len__(self) -> int:
        return len(self._queues)


class _Taken(Generic[S]):
    """A slot for as long as a call takes. A class, for a generator would cost each call three times as much."""

    __slots__ = ("_fetch", "_queue", "_queues")
    _queue: _Queue[S]

    def __init__(self, queues: _Queues[S], fetch: Fetch) -> None:
        self._queues = queues
        self._fetch = fetch

    def _leave(self) -> None:
        self._queues.leave(self._queue)


class SyncSlots(_Queues[threading.Semaphore]):
    """For threads.

    Args:
        at_most: calls to one host at a time, if that is fewer than `MAX_CALLS`.
    """

    def __init__(self, at_most: int = MAX_CALLS) -> None:
        super().__init__(threading.Semaphore, at_most)

    def taken(self, fetch: Fetch) -> AbstractContextManager[None]:
        """Hold a slot of the host that is asked.

        Raises:
            FetchError: none was free in time, or too many wait already.
        """
        return _SyncTaken(self, fetch)


class _SyncTaken(_Taken[threading.Semaphore], AbstractContextManager[None]):
    def __enter__(self) -> None:
        self._queue = self._queues.enter(self._fetch)
        free = False
        try:
            free = self._queue.semaphore.acquire(timeout=self._fetch.timeout)
        finally:
            if not free:
                self._leave()
        if not free:
            raise all_busy()

    def __exit__(self, *_: object) -> None:
        self._queue.semaphore.release()
        self._leave()


class AsyncSlots(_Queues[asyncio.Semaphore]):
    """For one event loop. Arguments as for `SyncSlots`."""

    def __init__(self, at_most: int = MAX_CALLS) -> None:
        super().__init__(asyncio.Semaphore, at_most)
        self._one_left = asyncio.Event()

    def taken(self, fetch: Fetch) -> AbstractAsyncContextManager[None]:
        """As `SyncSlots.taken`."""
        return _AsyncTaken(self, fetch)

    async def drained(self) -> None:
        """Wait until nobody is in any queue."""
        while self._queues:
            self._one_left.clear()
            await self._one_left.wait()

    def leave(self, queue: _Queue[asyncio.Semaphore]) -> None:
        super().leave(queue)
        self._one_left.set()


class _AsyncTaken(_Taken[asyncio.Semaphore], AbstractAsyncContextManager[None]):
    async def __aenter__(self) -> None:
        self._queue = self._queues.enter(self._fetch)
        free = False
        try:
            semaphore = self._queue.semaphore
            # At once is the usual case, which pays for no timer.
            free = await (_acquired(semaphore, self._fetch.timeout) if semaphore.locked() else semaphore.acquire())
        finally:
            if not free:
                self._leave()

    async def __aexit__(self, *_: object) -> None:
        self._queue.semaphore.release()
        self._leave()


async def _acquired(semaphore: asyncio.Semaphore, timeout: float) -> bool:
    try:
        async with asyncio.timeout(timeout):
            return await semaphore.acquire()
    except TimeoutError:
        raise all_busy() from None
