"""Queues for calls to vendors, one per host: a host that hangs holds up no other. Sends nothing.

A queue lives as long as somebody is in it, for some providers let clients name hosts, and those have no end.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
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

    def _enter(self, fetch: Fetch) -> _Queue[S]:
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

    def _leave(self, queue: _Queue[S]) -> None:
        with self._lock:
            queue.users -= 1
            if not queue.users:
                del self._queues[queue.key]

    def __len__(self) -> int:
        return len(self._queues)


class SyncSlots(_Queues[threading.Semaphore]):
    """For threads.

    Args:
        at_most: calls to one host at a time, if that is fewer than `MAX_CALLS`.
    """

    def __init__(self, at_most: int = MAX_CALLS) -> None:
        super().__init__(threading.Semaphore, at_most)

    @contextmanager
    def taken(self, fetch: Fetch) -> Iterator[None]:
        """Hold a slot of the host that is asked.

        Raises:
            FetchError: none was free in time, or too many wait already.
        """
        queue = self._enter(fetch)
        try:
            if not queue.semaphore.acquire(timeout=fetch.timeout):
                raise all_busy()
            try:
                yield
            finally:
                queue.semaphore.release()
        finally:
            self._leave(queue)


class AsyncSlots(_Queues[asyncio.Semaphore]):
    """For one event loop. Arguments as for `SyncSlots`."""

    def __init__(self, at_most: int = MAX_CALLS) -> None:
        super().__init__(asyncio.Semaphore, at_most)

    @asynccontextmanager
    async def taken(self, fetch: Fetch) -> AsyncIterator[None]:
        """As `SyncSlots.taken`."""
        queue = self._enter(fetch)
        try:
            if queue.semaphore.locked():
                await _acquired(queue.semaphore, fetch.timeout)
            else:
                await queue.semaphore.acquire()  # at once: the usual case pays for no timer
            try:
                yield
            finally:
                queue.semaphore.release()
        finally:
            self._leave(queue)


async def _acquired(semaphore: asyncio.Semaphore, timeout: float) -> None:
    try:
        async with asyncio.timeout(timeout):
            await semaphore.acquire()
    except TimeoutError:
        raise all_busy() from None
