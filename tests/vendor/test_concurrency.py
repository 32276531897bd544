"""Many requests at once: a token passes once, the cancelled cost no others theirs, loops and forks share nothing."""

from __future__ import annotations

import asyncio
import gc
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
from support.faults import a_token, account_at, by_token, passes_all
from support.live import LiveWorld
from support.world import LOGIN, policy_of

from captcha_gate import Reason, Verdict
from captcha_gate.effects import Fetch
from captcha_gate.egress import fast, shield, slots
from captcha_gate.errors import FetchError
from captcha_gate.providers.context import Context
from captcha_gate.testing.vendors.loopback import LoopbackServer, replies
from captcha_gate.vendors import Vendors

TESTS = Path(__file__).parent.parent


@pytest.fixture
def vendor():
    with LoopbackServer(passes_all) as server:
        yield server


@pytest.fixture
def gate_asking():
    """Build a gate that asks a server; it is closed when the test is over."""
    worlds: list[LiveWorld] = []

    def build(kind: str, server: LoopbackServer, on_unavailable: str = "reject", **account: str) -> LiveWorld:
        rule = {**LOGIN, "on_unavailable": on_unavailable}
        worlds.append(LiveWorld(kind, policy_of(rule, providers={"cn": account_at(server.url, **account)})))
        return worlds[-1]

    yield build
    for world in worlds:
        world.close()


def holds(connection, request):
    connection.hold()


def tokens(number):
    return [a_token() for _ in range(number)]


def test_two_hundred_uses_of_one_token_at_once_pass_once(kind, vendor, gate_asking):
    world = gate_asking(kind, vendor)
    statuses = [response.status_code for response in world.together([a_token()] * 200)]
    assert sorted(statuses) == [200] + [403] * 199
    assert (len(vendor.received), len(world.seen)) == (1, 1)
    assert sum(decision.reason == "replayed" for decision in world.decisions) == 199
    world.close()


def test_two_hundred_tokens_at_once_pass_each_with_its_own_answer(kind, vendor, gate_asking):
    world = gate_asking(kind, vendor)
    asked = tokens(200)
    assert {response.status_code for response in world.together(asked)} == {200}
    told = {seen.decision.detail["captcha_args"]["used_type"] for seen in world.seen}
    assert told == {token["lot_number"][:8] for token in asked}
    for seen in world.seen:
        assert seen.decision.detail["captcha_args"]["used_type"].encode() in seen.body
    world.close()


@pytest.mark.usefixtures("pool")
@pytest.mark.parametrize("connections", [32, 10])
def test_cancelled_requests_cost_no_later_ones_theirs(vendor, monkeypatch, connections, gate_asking):
    monkeypatch.setattr(slots, "MAX_CALLS", connections)
    vendor.answer = holds
    world = gate_asking("asgi", vendor, timeout="1500ms")

    async def storm() -> None:
        waiting = [asyncio.create_task(world.apost(a_token())) for _ in range(200)]
        await asyncio.to_thread(vendor.wait_for_requests, min(connections, 200))
        for task in waiting:
            task.cancel()
        ends = await asyncio.gather(*waiting, return_exceptions=True)
        assert {type(end) for end in ends} == {asyncio.CancelledError}
        await world.asettle()  # where calls are tasks of their own, they end by their own deadline

    world.run(storm())
    vendor.answer = passes_all
    assert world.serves(lambda: tokens(20))
    world.close()
    vendor.wait_until_left()


def test_requests_that_had_to_wait_for_a_connection_in_vain_cost_no_later_ones_theirs(
    kind, vendor, monkeypatch, gate_asking
):
    monkeypatch.setattr(slots, "MAX_CALLS", 5)
    vendor.answer = holds
    world = gate_asking(kind, vendor, timeout="400ms", breaker="off")
    for _ in range(3):
        statuses = {response.status_code for response in world.together(tokens(60))}
        assert statuses == {503}
    assert {decision.reason for decision in world.decisions} <= {"timeout", "overloaded"}
    world.settle()
    vendor.answer = passes_all
    assert world.serves(lambda: tokens(20))
    world.close()
    vendor.wait_until_left()


@pytest.mark.usefixtures("pool")
def test_a_request_that_is_given_up_just_as_the_vendors_time_is_up_does_not_go_on(vendor, gate_asking):
    """Who cancels a task by a timer must not take somebody else's cancelling for its own."""
    vendor.answer = holds
    world = gate_asking("asgi", vendor, timeout="200ms", on_unavailable="allow")

    async def given_up() -> bool:
        request = asyncio.create_task(world.apost(a_token()))
        asyncio.get_running_loop().call_later(0.2, request.cancel)
        await asyncio.to_thread(vendor.wait_for_requests, 1)
        time.sleep(0.5)  # noqa: ASYNC251 - the loop stands still, and finds both timers due
        await asyncio.wait([request])
        return request.cancelled()

    assert world.run(given_up())
    assert (world.seen, world.decisions) == ([], [])
    world.close()


@pytest.mark.usefixtures("pool")
def test_calls_that_closing_ends_are_no_outage(vendor, monkeypatch, gate_asking):
    monkeypatch.setattr(slots, "MAX_CALLS", 2)
    for module in (fast, shield):
        monkeypatch.setattr(module, "CLOSING", 0.05)
    vendor.answer = holds
    world = gate_asking("asgi", vendor)

    async def closed() -> list[httpx.Response]:
        requests = [asyncio.create_task(world.apost(token)) for token in tokens(4)]  # two of them wait for a slot
        await asyncio.to_thread(vendor.wait_for_requests, 2)
        await world.gate.aclose()
        return await asyncio.gather(*requests)

    assert [response.json()["code"] for response in world.run(closed())] == ["overloaded"] * 4
    assert world.seen == []
    world.close()


def test_a_vendor_that_hangs_holds_up_no_other(kind, vendor, monkeypatch):
    monkeypatch.setattr(slots, "MAX_CALLS", 1)
    with LoopbackServer(holds) as hanging:
        providers = {
            # Another name for this machine is another vendor.
            "hangs": account_at(hanging.url.replace("127.0.0.1", "localhost"), timeout="1s"),
            "answers": account_at(vendor.url),
        }
        rules = [{"name": name, "match": f"/{name}", "providers": name} for name in providers]
        world = LiveWorld(kind, policy_of(*rules, providers=providers))
        if kind == "wsgi":
            with ThreadPoolExecutor(1) as pool:
                held = pool.submit(world.post, "/hangs", data=a_token())
                hanging.wait_for_requests(1)
                answered, still_held, ended = world.post("/answers", data=a_token()), not held.done(), held.result()
        else:

            async def both():
                held = asyncio.create_task(world.apost(a_token(), "/hangs"))
                await asyncio.to_thread(hanging.wait_for_requests, 1)
                answered = await world.apost(a_token(), "/answers")
                return answered, not held.done(), await held

            answered, still_held, ended = world.run(both())
        assert (answered.status_code, still_held, ended.status_code) == (200, True, 503)
        world.close()


def test_a_queue_of_our_own_opens_no_gate_and_uses_up_no_token(kind, vendor, monkeypatch, gate_asking):
    monkeypatch.setattr(slots, "MAX_CALLS", 0)
    world = gate_asking(kind, vendor, timeout="2s", on_unavailable="allow")
    token = a_token()
    # `timeout` on a machine that pauses just when the time is up.
    assert world.post(data=token).json()["code"] in ("overloaded", "timeout")
    assert (world.seen, vendor.accepted) == ([], 0)
    world.give_up_pool()
    monkeypatch.setattr(slots, "MAX_CALLS", 1)
    assert world.post(data=token).status_code == 200
    world.close()


def test_a_queue_that_is_long_enough_takes_nobody_in(monkeypatch):
    """They would only wait for their time to be up, each with a body and a connection of a client's."""
    monkeypatch.setattr(slots, "MAX_CALLS", 2)
    monkeypatch.setattr(slots, "MAX_WAITING", 3)
    asked = Fetch(httpx.Request("POST", "http://127.0.0.1/"), 60)
    elsewhere = Fetch(httpx.Request("POST", "http://localhost/"), 60)

    async def under_asgi():
        queues, full = slots.AsyncSlots(), asyncio.Event()

        async def call():
            async with queues.taken(asked):
                await full.wait()

        calls = [asyncio.create_task(call()) for _ in range(5)]
        await asyncio.sleep(0)
        with pytest.raises(FetchError) as refused:
            await asyncio.wait_for(call(), 5)
        assert (refused.value.reason, refused.value.proves_outage) == ("overloaded", False)
        async with queues.taken(elsewhere):
            full.set()
        await asyncio.gather(*calls)
        await call()
        assert len(queues) == 0

    asyncio.run(under_asgi())


def test_a_queue_of_threads_has_the_same_end(monkeypatch):
    monkeypatch.setattr(slots, "MAX_CALLS", 1)
    monkeypatch.setattr(slots, "MAX_WAITING", 0)
    queues = slots.SyncSlots()
    asked = Fetch(httpx.Request("POST", "http://127.0.0.1/"), 60)
    with queues.taken(asked), pytest.raises(FetchError) as refused, queues.taken(asked):
        pytest.fail("there was no room")
    assert (refused.value.reason, refused.value.proves_outage) == ("overloaded", False)
    with queues.taken(asked):
        assert len(queues) == 1
    assert len(queues) == 0


def test_a_question_of_our_own_does_not_queue_behind_the_requests_that_wait_for_its_answer():
    """Else a busy site whose vendor hangs would never get its proof, and never open."""
    provider = policy_of().providers["cn"]
    context = Context(now=0.0, token_hex=lambda size: "00" * size)
    vendors = Vendors(lambda: 0.0)
    [asked] = _fetches(vendors.ask(provider, a_token(), context))
    [once] = _fetches(vendors.proven_down(provider, Verdict.unavailable(Reason.TIMEOUT), context))
    [probe] = _fetches(once.flow())
    assert (asked.urgent, probe.urgent) == (False, True)


def _fetches(flow):
    """What a flow asks for, up to the first reply, which never comes."""
    asked = next(flow)
    flow.close()
    return [asked]


@pytest.mark.usefixtures("pool")
def test_a_cancelled_request_does_not_end_the_probe_that_others_wait_for(vendor, gate_asking):
    first_token, second_token = tokens(2)
    proceed = threading.Event()

    def probe_waits(connection, request):
        proceed.wait(5)
        connection.reply(503, b"")

    vendor.answer = by_token([first_token, second_token], replies(503, b""), probe_waits)
    world = gate_asking("asgi", vendor, on_unavailable="allow")

    probing = world.gate._once.perform
    waiting: list[object] = []
    both_wait = asyncio.Event()

    def counted(effect, perform):
        waiting.append(effect)
        if len(waiting) == 2:
            both_wait.set()
        return probing(effect, perform)

    world.gate._once.perform = counted

    async def scene() -> int:
        first = asyncio.create_task(world.apost(first_token))
        await asyncio.to_thread(vendor.wait_for_requests, 2)
        second = asyncio.create_task(world.apost(second_token))
        await asyncio.to_thread(vendor.wait_for_requests, 3)
        await both_wait.wait()
        first.cancel()
        await asyncio.wait([first])
        proceed.set()
        return (await second).status_code

    assert world.run(scene()) == 200
    assert world.decisions[-1].opened
    assert len(vendor.received) == 3


@pytest.mark.usefixtures("pool")
@pytest.mark.parametrize("answer", ["passes", "outage"])
def test_one_gate_serves_several_event_loops_one_after_another(vendor, answer, gate_asking):
    vendor.answer = passes_all if answer == "passes" else replies(503, b"")
    world = gate_asking("asgi", vendor, on_unavailable="allow")

    async def visit() -> int:
        response = await world.apost(a_token())
        await world.gate.aclose()
        return response.status_code

    assert [asyncio.run(visit()) for _ in range(3)] == [200, 200, 200]
    world.close()


@pytest.mark.usefixtures("pool")
@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_loop_that_ended_without_closing_its_connections_does_the_next_no_harm(vendor):
    world = LiveWorld("asgi", policy_of(LOGIN, providers={"cn": account_at(vendor.url)}))
    assert [asyncio.run(world.apost(a_token())).status_code for _ in range(3)] == [200, 200, 200]
    assert len(world.gate._fetcher._loops) == 1  # what belonged to the loops before is forgotten
    world.close()
    del world
    gc.collect()


@pytest.mark.usefixtures("pool")
def test_one_gate_serves_two_event_loops_at_once_during_an_outage(vendor, gate_asking):
    both = threading.Barrier(2)

    def once_both_have_asked(connection, request):
        both.wait(5)
        connection.reply(503, b"")

    vendor.answer = once_both_have_asked  # the two tokens together, then the two probes
    world = gate_asking("asgi", vendor, on_unavailable="allow")
    statuses: list[int] = []

    async def visit() -> None:
        statuses.append((await world.apost(a_token())).status_code)
        await world.gate.aclose()

    threads = [threading.Thread(target=asyncio.run, args=(visit(),)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert statuses == [200, 200]
    assert len(vendor.received) == 4
    world.close()


@pytest.mark.usefixtures("pool")
def test_a_probe_that_its_loop_took_along_is_asked_anew_on_the_next(vendor, gate_asking):
    first_token = a_token()
    vendor.answer = by_token([first_token], replies(503, b""), holds)
    world = gate_asking("asgi", vendor, on_unavailable="allow")

    async def leave_during_the_probe() -> None:
        task = asyncio.create_task(world.apost(first_token))
        await asyncio.to_thread(vendor.wait_for_requests, 2)
        task.cancel()

    asyncio.run(leave_during_the_probe())
    vendor.answer = replies(503, b"")
    assert world.post(data=a_token()).status_code == 200
    world.close()


FORKING = """
import os, sys
from support.live import LiveWorld
from support.faults import a_token, account_at
from support.world import LOGIN, policy_of

kind, url = sys.argv[1:]
world = LiveWorld(kind, policy_of(LOGIN, providers={"cn": account_at(url)}))
assert world.post(data=a_token()).status_code == 200  # a connection is open now


def mixed_up():
    if kind == "asgi":
        import asyncio
        world._runner = asyncio.Runner()  # a forked process runs a loop of its own
    for _ in range(25):
        token = a_token()
        if world.post(data=token).status_code != 200:
            return True
        if world.decisions[-1].detail["captcha_args"]["used_type"] != token["lot_number"][:8]:
            return True
    return False


children = []
for _ in range(4):
    child = os.fork()
    if child == 0:
        code = 2
        try:
            code = mixed_up()
        finally:
            os._exit(code)
    children.append(child)
codes = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
assert world.post(data=a_token()).status_code == 200  # the parent's connection is still its own
world.close()
sys.exit(f"exit codes {codes}" if any(codes) else 0)
"""


def test_a_gate_used_before_a_fork_never_mixes_up_answers(kind, vendor):
    ran = subprocess.run(
        [sys.executable, "-c", FORKING, kind, vendor.url],
        cwd=TESTS,
        env={"PYTHONPATH": f"{TESTS}:{TESTS.parent}", "PATH": "/usr/bin"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    assert len(vendor.received) == 102
