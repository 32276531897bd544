"""How late this process is itself: a time-out of our own making must not pass for a vendor's outage. Sends nothing."""

from __future__ import annotations

import asyncio
import time
from typing import Final

__all__ = ["LoopWatch", "is_crowded", "tolerable"]

#: Share of a timeout that we may have been late for a time-out to be the vendor's.
_LAG: Final = 0.3
#: Seconds of it that any busy machine may have.
_LEAST_LAG: Final = 0.15
#: Turns that a call needs of its thread: to connect, to send, to read. Each waits for all other threads' turns.
_TURNS: Final = 5
#: Seconds that a thread sleeps to see how soon it gets a turn again.
_MOMENT: Final = 0.001
#: Seconds after which a loop with calls under way is looked at again.
_STEP: Final = 0.1


def tolerable(timeout: float) -> float:
    """Seconds by which we may have been late ourselves, in a call that timed out."""
    return max(_LAG * timeout, _LEAST_LAG)


def is_crowded(begun: float, timeout: float) -> bool:
    """Whether this thread gets its turns so late that a call may have timed out for that alone.

    A thread cannot see how late it was at each step of a call, but it can see how late it is now.

    Args:
        begun: when the call began, on the monotonic clock.
        timeout: its seconds.
    """
    late = time.monotonic() - begun - timeout
    for _ in range(_TURNS):
        if late > tolerable(timeout):
            return True
        asleep = time.monotonic()
        time.sleep(_MOMENT)
        late += time.monotonic() - asleep - _MOMENT
    return late > tolerable(timeout)


class LoopWatch:
    """Adds up how late an event loop is, as long as calls are under way: one timer for all of them.

    Args:
        loop: the running one.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._under_way = 0
        self._late = 0.0  # seconds, all told
        self._due: float | None = None  # when the timer is; none where nobody needs one

    def begin(self) -> float:
        """A call begins. Returns what `end` needs to know of that."""
        self._under_way += 1
        if self._due is None:
            self._set_timer()
        return self._so_far()

    def end(self, begun: float) -> float:
        """It has ended. Returns the seconds by which the loop was late meanwhile."""
        self._under_way -= 1
        return self._so_far() - begun

    def _so_far(self) -> float:
        overdue = 0.0 if self._due is None else max(0.0, self._loop.time() - self._due)
        return self._late + overdue

    def _set_timer(self) -> None:
        self._due = self._loop.time() + _STEP
        self._loop.call_at(self._due, self._look)

    def _look(self) -> None:
        self._late, self._due = self._so_far(), None
        if self._under_way:
            self._set_timer()
