"""Both drivers do the same: replies go in, errors are thrown in, the flow is closed, and `Once` runs once."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import dataclass

import pytest

from captcha_gate.drive import AsyncOnce, SyncOnce, arun, run
from captcha_gate.effects import Effect, Once


@dataclass(frozen=True)
class Ask(Effect[int]):
    number: int


class Driver:
    """Either driver, behind one face."""

    def __init__(self, kind):
        self.kind = kind

    def __call__(self, flow, perform):
        if self.kind == "wsgi":
            return run(flow, perform)

        async def performed(effect):
            return perform(effect)

        return asyncio.run(arun(flow, performed))


@pytest.fixture
def drive(kind):
    return Driver(kind)


def test_replies_are_sent_into_the_flow_and_its_return_is_the_conclusion(drive):
    def flow():
        first = yield from Ask(1)
        second = yield from Ask(2)
        return first + second

    assert drive(flow(), lambda effect: effect.number * 10) == 30


def test_an_error_is_thrown_in_where_it_was_asked_for(drive):
    def flow():
        try:
            yield from Ask(1)
        except LookupError as error:
            return f"caught {error.args[0]}"

    def perform(effect):
        raise LookupError("it")

    assert drive(flow(), perform) == "caught it"


def test_an_error_that_the_flow_does_not_catch_goes_on(drive):
    def flow():
        yield from Ask(1)

    def perform(effect):
        raise LookupError("it")

    with pytest.raises(LookupError):
        drive(flow(), perform)


def test_a_flow_that_asks_nothing_needs_nobody(drive):
    def flow():
        return 5
        yield

    assert drive(flow(), None) == 5


def test_a_cancelled_request_still_runs_the_flows_finally():
    closed = []

    def flow():
        try:
            yield from Ask(1)
        finally:
            closed.append(True)

    async def main():
        asked = asyncio.Event()

        async def perform(effect):
            asked.set()
            await asyncio.Event().wait()

        task = asyncio.create_task(arun(flow(), perform))
        await asked.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    assert closed == [True]


class Counted:
    """A flow that counts how often it ran."""

    def __init__(self):
        self.runs = 0

    def __call__(self):
        self.runs += 1
        answer = yield from Ask(self.runs)
        return answer


class TestOnce:
    def test_threads_that_ask_at_the_same_time_share_one_run(self):
        counted, once, go = Counted(), SyncOnce(), threading.Event()

        def perform(effect):
            go.wait(5)
            return effect.number

        answers = []
        threads = [
            threading.Thread(target=lambda: answers.append(once.perform(Once("k", 60, counted), perform)))
            for _ in range(10)
        ]
        for thread in threads:
            thread.start()
        go.set()
        for thread in threads:
            thread.join(5)
        assert (counted.runs, answers) == (1, [1] * 10)

    def test_tasks_that_ask_at_the_same_time_share_one_run(self):
        counted = Counted()

        async def main():
            once = AsyncOnce()

            async def perform(effect):
                await asyncio.sleep(0)
                return effect.number

            return await asyncio.gather(*(once.perform(Once("k", 60, counted), perform) for _ in range(10)))

        assert asyncio.run(main()) == [1] * 10
        assert counted.runs == 1

    def test_a_task_that_is_cancelled_does_not_end_it_for_the_others(self):
        async def main():
            once, go = AsyncOnce(), asyncio.Event()

            async def perform(effect):
                await go.wait()
                return effect.number

            first = asyncio.create_task(once.perform(Once("k", 60, Counted()), perform))
            second = asyncio.create_task(once.perform(Once("k", 60, Counted()), perform))
            await asyncio.sleep(0)
            first.cancel()
            go.set()
            return await second

        assert asyncio.run(main()) == 1

    def test_loops_do_not_share_what_only_one_of_them_can_await(self):
        once = AsyncOnce()

        async def main():
            async def perform(effect):
                return effect.number

            return await once.perform(Once("k", 60, Counted()), perform)

        assert [asyncio.run(main()) for _ in range(3)] == [1, 1, 1]

    def test_a_conclusion_is_kept_for_its_time(self, kind):
        now, counted = [0.0], Counted()

        def clock():
            return now[0]

        if kind == "wsgi":
            once = SyncOnce(clock)

            def ask():
                return once.perform(Once("k", 5, counted), lambda effect: effect.number)

            answers = [ask(), ask()]
            now[0] = 5.1
            answers.append(ask())
        else:

            async def main():
                once = AsyncOnce(clock)

                async def perform(effect):
                    return effect.number

                answers = [await once.perform(Once("k", 5, counted), perform) for _ in range(2)]
                now[0] = 5.1
                return [*answers, await once.perform(Once("k", 5, counted), perform)]

            answers = asyncio.run(main())
        assert answers == [1, 1, 2]

    def test_an_error_is_not_kept(self):
        once = SyncOnce()

        def broken(effect):
            raise LookupError("it")

        with pytest.raises(LookupError):
            once.perform(Once("k", 60, Counted()), broken)
        assert once.perform(Once("k", 60, Counted()), lambda effect: effect.number) == 1
