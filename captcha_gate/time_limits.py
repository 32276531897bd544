"""Ends what takes too long on an event loop: one timer for all of it. Knows neither requests nor calls.

`asyncio.timeout` has a timer for each, and costs a tenth of a call by aiohttp; hardly one of those timers is ever due.
"""

from __future__ import annotations

import asyncio
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from types import TracebackType

__all__ = ["within"]

#: Seconds between two looks at all limits, and by which one may be late, where many are due one after the other.
_STEP: Final = 0.01


def within(seconds: float) -> AbstractContextManager[None]:
    """Give the current task so much time for what is inside.

    Raises:
        TimeoutError: it took longer.
    """
    loop = asyncio.get_running_loop()
    limits = _OF_LOOPS.get(loop)
    if limits is None:
        for ended in [other for other in list(_OF_LOOPS) if other.is_closed()]:
            _OF_LOOPS.pop(ended, None)
        limits = _OF_LOOPS[loop] = _Limits(loop)
    return _Limit(limits, loop.time() + seconds)


class _Limits:
    """Those that hold on one event loop, and their timer."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._holding: set[_Limit] = set()
        self._timer: asyncio.TimerHandle | None = None

    def add(self, limit: _Limit) -> None:
        """It holds from now on."""
        self._holding.add(limit)
        if self._timer is None or limit.when < self._timer.when():
            self._look_at(limit.when)

    def drop(self, limit: _Limit) -> None:
        """It holds no longer."""
        self._holding.discard(limit)

    def _look_at(self, when: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_at(when, self._look)

    def _look(self) -> None:
        self._timer = None
        now = self._loop.time()
        for limit in [limit for limit in self._holding if limit.when <= now]:
            limit.expire()
            self.drop(limit)
        if self._holding:
            self._look_at(max(min(limit.when for limit in self._holding), now + _STEP))


_OF_LOOPS: Final[dict[asyncio.AbstractEventLoop, _Limits]] = {}


class _Limit(AbstractContextManager[None]):
    """What one task may take. Ends it as `asyncio.timeout` does: by cancelling it, and taking that back at the end.

    Where somebody else cancels the task, too, that is not taken back.
    """

    __slots__ = ("_cancelling", "_is_over", "_limits", "_task", "when")
    _task: asyncio.Task[object]

    def __init__(self, limits: _Limits, when: float) -> None:
        self._limits = limits
        self._is_over = False
        self.when = when

    def __enter__(self) -> None:
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("only a task can be given a time")
        self._task = task
        self._cancelling = task.cancelling()
        self._limits.add(self)

    def expire(self) -> None:
        """The time is up."""
        self._is_over = True
        self._task.cancel()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self._limits.drop(self)
        if self._is_over and self._task.uncancel() <= self._cancelling and kind is asyncio.CancelledError:
            raise TimeoutError from error
