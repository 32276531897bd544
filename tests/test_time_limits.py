"""Limits of time that share one timer end what `asyncio.timeout` would, and nothing else."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor

import pytest

from captcha_gate import time_limits
from captcha_gate.time_limits import within

LONG = 60.0  # seconds: nobody waits for them
MANY = 100


async def waiting(seconds):
    """Wait for ever, at most so long; say whether that was ended by the limit alone."""
    with pytest.raises(TimeoutError), within(seconds):
        await asyncio.Event().wait()
    task = asyncio.current_task()
    return task is not None and task.cancelling() == 0


def test_what_takes_too_long_is_ended_and_its_task_goes_on():
    assert asyncio.run(waiting(0.0))


def test_what_ends_in_time_is_left_alone_ever_after():
    async def test():
        with within(0.01):
            pass
        await waiting(0.05)  # the first would have been due meanwhile
        return True

    assert asyncio.run(test())


def test_an_error_inside_is_that_error():
    async def test():
        with within(LONG):
            raise LookupError("inside")

    with pytest.raises(LookupError, match="inside"):
        asyncio.run(test())


def test_a_short_limit_does_not_wait_for_a_long_one_that_came_first():
    async def test():
        long = asyncio.create_task(waiting(LONG))
        await asyncio.sleep(0)
        assert await waiting(0.0)
        assert not long.done()
        long.cancel()
        await asyncio.gather(long, return_exceptions=True)

    asyncio.run(test())


def test_limits_that_are_due_one_after_the_other_all_end():
    async def test():
        return await asyncio.gather(*(waiting(number / 1000) for number in range(MANY)))

    assert asyncio.run(test()) == [True] * MANY


def test_of_two_limits_the_one_that_is_due_ends_what_is_inside_it():
    async def test():
        with within(LONG):
            inner = await waiting(0.0)
        with pytest.raises(TimeoutError), within(0.0), within(LONG):
            await asyncio.Event().wait()
        return inner

    assert asyncio.run(test())


def test_who_is_cancelled_by_somebody_else_stays_cancelled():
    async def test():
        task = asyncio.create_task(waiting(LONG))
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return task.cancelled()

    assert asyncio.run(test())


@pytest.mark.parametrize("later", [-0.001, 0.001], ids=["before", "after"])
def test_who_is_cancelled_by_somebody_else_when_the_time_is_up_stays_cancelled(later):
    async def test():
        loop = asyncio.get_running_loop()
        task = asyncio.create_task(waiting(0.01))
        await asyncio.sleep(0)
        due = loop.time() + 0.01 + later
        loop.call_at(due, task.cancel)
        while loop.time() < due + 0.01:
            pass  # the loop stands still, and finds both timers due
        await asyncio.gather(task, return_exceptions=True)
        return task.cancelled()

    assert asyncio.run(test())


def test_many_limits_share_a_timer(monkeypatch):
    async def test():
        loop, timers = asyncio.get_running_loop(), []
        real = loop.call_at
        monkeypatch.setattr(loop, "call_at", lambda *given, **more: timers.append(given) or real(*given, **more))
        for _ in range(MANY):
            with within(LONG):
                await asyncio.sleep(0)
        return len(timers)

    assert asyncio.run(test()) == 1


def test_only_a_task_has_time():
    async def test():
        raised = asyncio.get_running_loop().create_future()

        def outside():
            try:
                with within(LONG):
                    pass
            except RuntimeError as error:
                raised.set_result(str(error))

        asyncio.get_running_loop().call_soon(outside)
        return await raised

    assert "task" in asyncio.run(test())


def test_loops_that_have_ended_are_forgotten():
    async def test():
        with within(LONG):
            await asyncio.sleep(0)
        return len(time_limits._OF_LOOPS)

    assert len({asyncio.run(test()) for _ in range(5)}) == 1


def test_loops_in_several_threads_have_limits_of_their_own():
    with ThreadPoolExecutor(8) as threads:
        assert all(threads.map(lambda number: asyncio.run(waiting(number / 100)), range(24)))
