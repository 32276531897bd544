"""A store in this process's memory: exact, bounded, and of no use to any other process."""

from __future__ import annotations

import heapq
import threading
import time
from collections.abc import Callable
from typing import Any, Final

from captcha_gate.effects import Claim, Decrement, Get, Increment, Put, Release, StoreOp
from captcha_gate.errors import StoreError

__all__ = ["MemoryStore"]

#: About 200 MB when full: with claims of 15 minutes more than a thousand verifications a second.
MAX_ENTRIES: Final = 1_000_000
#: Entries that one operation forgets; more than it can add, so that the store never falls behind.
_FORGOTTEN_AT_ONCE: Final = 64
#: Ends without an entry that are not worth clearing up.
_SPARE_ENDS: Final = 1024


class MemoryStore:
    """Claims, counters and values with an end each, for threads and event loops; an operation is a few dict look-ups.

    Args:
        max_entries: how many live entries it holds. A full store is an error: dropping a live claim would let its
            token be used again.
        clock: seconds that only go forward.
    """

    shared = False

    def __init__(self, max_entries: int = MAX_ENTRIES, clock: Callable[[], float] = time.monotonic) -> None:
        self._max_entries = max_entries
        self._clock = clock
        self._lock = threading.Lock()
        self._entries: dict[str, tuple[float, int | str]] = {}  # key -> when it ends, its count or value
        self._ends: list[tuple[float, str]] = []  # a heap; may hold ends of entries that are gone or were renewed

    def __len__(self) -> int:
        return len(self._entries)

    def perform(self, operation: StoreOp[Any]) -> Any:
        with self._lock:
            now = self._clock()
            self._forget_some(now)
            match operation:
                case Claim(key, ttl):
                    return self._live(key, now) is None and self._add(key, now, ttl)
                case Release(key):
                    self._entries.pop(key, None)
                    return None
                case Increment(key, ttl):
                    live = self._live(key, now)
                    if live is None:
                        return int(self._add(key, now, ttl))
                    end, count = live[0], int(live[1])
                    self._entries[key] = (end, count + 1)
                    return count + 1
                case Decrement(key):
                    live = self._live(key, now)
                    if live is not None:
                        self._entries[key] = (live[0], max(0, int(live[1]) - 1))
                    return None
                case Put(key, value, ttl):
                    self._add(key, now, ttl, value)
                    return None
                case Get(key):
                    live = self._live(key, now)
                    return None if live is None else str(live[1])
        raise StoreError(f"the memory store does not know {type(operation).__name__}")

    def _live(self, key: str, now: float) -> tuple[float, int | str] | None:
        entry = self._entries.get(key)
        return entry if entry is not None and entry[0] > now else None

    def _add(self, key: str, now: float, ttl: float, value: int | str = 1) -> bool:
        if len(self._entries) >= self._max_entries:
            self._forget_some(now, at_most=self._max_entries)
        if len(self._entries) >= self._max_entries and key not in self._entries:
            raise StoreError(f"the memory store is full: {self._max_entries} live entries")
        self._entries[key] = (now + ttl, value)
        heapq.heappush(self._ends, (now + ttl, key))
        return True

    def _forget_some(self, now: float, at_most: int = _FORGOTTEN_AT_ONCE) -> None:
        """Forget what has ended, a little with every operation: a million at once would stop everybody."""
        for _ in range(at_most):
            if not self._ends or self._ends[0][0] > now:
                break
            end, key = heapq.heappop(self._ends)
            if key in self._entries and self._entries[key][0] == end:
                del self._entries[key]
        if len(self._ends) > 2 * len(self._entries) + _SPARE_ENDS:
            # Released claims leave their ends behind; one token that is tried again and again would pile them up.
            self._ends = [(end, key) for key, (end, _) in self._entries.items()]
            heapq.heapify(self._ends)
