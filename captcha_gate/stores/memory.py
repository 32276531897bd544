"""A store in this process's memory: exact, bounded, and of no use to any other process."""

from __future__ import annotations

import heapq
import threading
import time
from collections.abc import Callable
from typing import Any, Final

from captcha_gate.effects import Claim, Increment, Release, StoreOp
from captcha_gate.errors import StoreError

__all__ = ["MemoryStore"]

#: About 200 MB when full: at 900 seconds a claim, more than a thousand verifications a second.
MAX_ENTRIES: Final = 1_000_000


class MemoryStore:
    """Claims and counters with an end each. Safe for threads and event loops; every operation is a few dict look-ups.

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
        self._entries: dict[str, tuple[float, int]] = {}  # key -> when it ends, its count
        self._ends: list[tuple[float, str]] = []  # a heap; may hold ends of entries that are gone or were renewed

    def __len__(self) -> int:
        return len(self._entries)

    def perform(self, operation: StoreOp[Any]) -> Any:
        with self._lock:
            now = self._clock()
            self._forget_ended(now)
            match operation:
                case Claim(key, ttl):
                    return self._add(key, now + ttl) if key not in self._entries else False
                case Release(key):
                    self._entries.pop(key, None)
                    return None
                case Increment(key, ttl):
                    if key not in self._entries:
                        return int(self._add(key, now + ttl))
                    end, count = self._entries[key]
                    self._entries[key] = (end, count + 1)
                    return count + 1
        raise StoreError(f"the memory store does not know {type(operation).__name__}")

    def _add(self, key: str, end: float) -> bool:
        if len(self._entries) >= self._max_entries:
            raise StoreError(f"the memory store is full: {self._max_entries} live entries")
        self._entries[key] = (end, 1)
        heapq.heappush(self._ends, (end, key))
        return True

    def _forget_ended(self, now: float) -> None:
        while self._ends and self._ends[0][0] <= now:
            end, key = heapq.heappop(self._ends)
            if key in self._entries and self._entries[key][0] == end:
                del self._entries[key]
