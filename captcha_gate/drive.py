"""Drives a flow to its end in the world of threads and in that of an event loop: the only logic that exists twice.

Both send each effect's reply into the flow and throw what went wrong into it; both close the flow whatever happens,
so that a request that is given up still runs the `finally` of everything it was in.
"""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections.abc import Awaitable, Callable, Hashable
from concurrent.futures import Future
from typing import Any, TypeAlias, TypeVar

from captcha_gate.effects import Effect, Flow, Once

__all__ = ["AsyncOnce", "SyncOnce", "arun", "run"]

T = TypeVar("T")


def run(flow: Flow[T], perform: Callable[[Effect[Any]], Any]) -> T:
    """Drive a flow, performing each effect in this thread."""
    try:
        effect = next(flow)
        while True:
            try:
                reply = perform(effect)
            except Exception as error:  # noqa: BLE001 - nothing is swallowed: the flow gets it, or it goes on from here
                effect = flow.throw(error)
            else:
                effect = flow.send(reply)
    except StopIteration as end:
        return end.value  # type: ignore[no-any-return]
    finally:
        flow.close()


async def arun(flow: Flow[T], perform: Callable[[Effect[Any]], Awaitable[Any]]) -> T:
    """Drive a flow, awaiting each effect."""
    try:
        effect = next(flow)
        while True:
            try:
                reply = await perform(effect)
            except Exception as error:  # noqa: BLE001 - as in `run`
                effect = flow.throw(error)
            else:
                effect = flow.send(reply)
    except StopIteration as end:
        return end.value  # type: ignore[no-any-return]
    finally:
        flow.close()


class SyncOnce:
    """Performs `Once` for threads: the first that asks runs the flow, the others wait for its conclusion."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._kept: dict[Hashable, tuple[float, Future[Any]]] = {}  # key -> until when (inf: it still runs), conclusion
        self._process = os.getpid()

    def perform(self, effect: Once[T], perform: Callable[[Effect[Any]], Any]) -> T:
        """The conclusion of the flow behind this key: a kept one, another thread's, or a new one."""
        with self._lock:
            if self._process != os.getpid():  # a flow that ran when we were forked ends in the parent only
                self._kept, self._process = {}, os.getpid()
            until, future = self._kept.get(effect.key, (0.0, Future[Any]()))
            if mine := until <= self._clock():
                future = Future()
                self._kept[effect.key] = (float("inf"), future)
        if mine:
            try:
                future.set_result(run(effect.flow(), perform))
            except BaseException as error:
                # What ends this thread must not end those that only wait for it.
                future.set_exception(error if isinstance(error, Exception) else RuntimeError("the asking thread ended"))
                raise
            finally:
                self._kept[effect.key] = (self._clock() + (effect.ttl if not future.exception() else 0), future)
        return future.result()  # type: ignore[no-any-return]


#: What one event loop knows: key -> until when (inf: it still runs), the task that concludes.
_Tasks: TypeAlias = dict[Hashable, tuple[float, asyncio.Task[Any]]]


class AsyncOnce:
    """Performs `Once` for event loops: a task of its own, so that nobody's cancelled request ends it for others.

    A task can be awaited on its own loop only, so each loop runs and keeps its own.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._kept: dict[asyncio.AbstractEventLoop, _Tasks] = {}

    async def perform(self, effect: Once[T], perform: Callable[[Effect[Any]], Awaitable[Any]]) -> T:
        """The conclusion of the flow behind this key: a kept one, one under way, or a new one."""
        kept = self._of_this_loop()
        until, task = kept.get(effect.key, (0.0, None))
        if task is None or until <= self._clock():
            task = asyncio.create_task(self._run(effect, perform, kept))
            kept[effect.key] = (float("inf"), task)
        return await asyncio.shield(task)

    def _of_this_loop(self) -> _Tasks:
        loop = asyncio.get_running_loop()
        if loop not in self._kept:
            for ended in [other for other in list(self._kept) if other.is_closed()]:
                self._kept.pop(ended, None)
            self._kept[loop] = {}
        return self._kept[loop]

    async def _run(self, effect: Once[T], perform: Callable[[Effect[Any]], Awaitable[Any]], kept: _Tasks) -> T:
        kept_for = 0.0
        try:
            conclusion = await arun(effect.flow(), perform)
            kept_for = effect.ttl
            return conclusion
        finally:
            task = asyncio.current_task()
            if task is not None:
                kept[effect.key] = (self._clock() + kept_for, task)
