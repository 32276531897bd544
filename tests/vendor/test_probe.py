"""The proof that a vendor is down: asked once for all who wait, kept for five seconds, and never a client's to give."""

from __future__ import annotations

import asyncio
import threading
import time

import pytest
from support.faults import a_token, account_at, by_token, passes_all
from support.live import LiveWorld, ManualClock
from support.world import LOGIN, policy_of

from captcha_gate.testing.vendors.loopback import LoopbackServer, replies

DOWN = replies(503, b"")
REFUSED = replies(200, b'{"status": "success", "result": "fail", "reason": "pass_token error"}')
ANSWERS = {
    "passed": passes_all,
    "refused": REFUSED,
    "our key refused": replies(200, b'{"status": "success", "result": "fail", "reason": "sign_token error"}'),
    "throttled": replies(429, b"", "Retry-After: 0"),  # else it would not be asked again
    "HTTP 403": replies(403, b""),
    "a redirect": replies(302, b""),
    "JSON of another kind": replies(200, b"true"),
}


@pytest.fixture
def vendor():
    with LoopbackServer(DOWN) as server:
        yield server


@pytest.fixture
def clock():
    return ManualClock()


@pytest.fixture
def world(kind, vendor, clock):
    policy = policy_of({**LOGIN, "on_unavailable": "allow"}, providers={"cn": account_at(vendor.url, timeout="2s")})
    made = LiveWorld(kind, policy)
    clock.rule(made.gate)
    yield made
    made.close()


def outcomes(world: LiveWorld) -> list[str]:
    return ["opened" if decision.opened else str(decision.outcome) for decision in world.decisions]


def test_twenty_requests_of_one_outage_ask_for_its_proof_once(world, vendor):
    tokens = [a_token() for _ in range(20)]
    all_asked = threading.Event()

    def once_all_have_asked(connection, request):
        all_asked.wait(5)
        DOWN(connection, request)

    def counted(connection, request):
        if len(vendor.received) >= 20:
            all_asked.set()
        DOWN(connection, request)

    vendor.answer = by_token(tokens, counted, once_all_have_asked)
    assert {response.status_code for response in world.together(tokens)} == {200}
    assert outcomes(world) == ["opened"] * 20
    assert len(vendor.received) == 21


def test_a_proof_stands_for_five_seconds(world, vendor, clock):
    for seconds, asked in ((0, 2), (4.9, 3), (0.2, 5)):
        clock.now += seconds
        assert world.post(data=a_token()).status_code == 200
        assert len(vendor.received) == asked
    assert outcomes(world) == ["opened"] * 3


def test_a_probe_bears_nothing_of_the_clients_token(world, vendor):
    token = a_token()
    world.post(data=token)
    asked, probe = (request.form for request in vendor.received)
    assert asked.keys() == probe.keys()
    assert not {value for [value] in asked.values()} & {value for [value] in probe.values()}
    assert probe["gen_time"][0].isdigit()


@pytest.mark.parametrize("answer", ANSWERS)
def test_any_answer_to_the_probe_refuses_and_gives_the_token_back(world, vendor, answer):
    token = a_token()
    vendor.answer = by_token([token], DOWN, ANSWERS[answer])
    assert world.post(data=token).status_code == 503
    assert (outcomes(world), world.seen) == (["unavailable"], [])
    vendor.answer = passes_all
    assert world.post(data=token).status_code == 200


def test_an_answer_stands_for_five_seconds_too(world, vendor, clock):
    tokens = [a_token() for _ in range(3)]
    vendor.answer = by_token(tokens, DOWN, REFUSED)
    for token, seconds, asked in zip(tokens, (0, 4.9, 0.2), (2, 3, 5), strict=True):
        clock.now += seconds
        assert world.post(data=token).status_code == 503
        assert len(vendor.received) == asked


@pytest.mark.parametrize("answer", ANSWERS)
def test_an_answer_to_a_clients_token_proves_that_the_vendor_is_up(world, vendor, answer):
    first, second = a_token(), a_token()
    vendor.answer = by_token([first], ANSWERS[answer], DOWN)
    world.post(data=first)
    assert world.post(data=second).status_code == 503
    assert len(vendor.received) == 2  # no probe was needed


def test_an_answer_that_comes_after_a_proof_ends_it(world, vendor):
    world.post(data=a_token())
    assert outcomes(world) == ["opened"]
    vendor.answer = passes_all
    assert world.post(data=a_token()).status_code == 200
    vendor.answer = DOWN
    assert world.post(data=a_token()).status_code == 503
    assert outcomes(world) == ["opened", "passed", "unavailable"]


def test_a_token_that_was_let_through_unverified_is_used(world, vendor):
    token = a_token()
    assert world.post(data=token).status_code == 200
    vendor.answer = passes_all
    assert world.post(data=token).json()["code"] == "replayed"


def test_refused_tokens_open_nothing_however_many_there_are(world, vendor):
    vendor.answer = REFUSED
    assert {response.status_code for response in world.together(a_token() for _ in range(50))} == {403}
    vendor.answer = DOWN
    assert world.post(data=a_token()).status_code == 503


def test_a_rate_limits_how_many_are_let_through(kind, vendor):
    policy = policy_of({**LOGIN, "on_unavailable": {"allow": "3/m"}}, providers={"cn": account_at(vendor.url)})
    world = LiveWorld(kind, policy)
    assert [world.post(data=a_token()).status_code for _ in range(5)] == [200, 200, 200, 503, 503]
    world.close()


def test_a_bad_token_is_refused_whatever_the_vendor_would_say(world, vendor):
    for bad in ({"gen_time": "x"}, {"lot_number": "x" * 5000}, {"pass_token": "\"'<>"}):
        assert world.post(data={**a_token(), **bad}).json()["code"] == "malformed_token"
    assert (vendor.accepted, world.seen) == (0, [])


@pytest.mark.usefixtures("pool")
def test_a_loop_that_clients_keep_busy_is_no_outage_of_the_vendors(vendor):
    """Whoever stalls our event loop makes every call time out, the probe's too: that must open nothing."""
    vendor.answer = lambda connection, request: connection.hold()
    policy = policy_of({**LOGIN, "on_unavailable": "allow"}, providers={"cn": account_at(vendor.url, timeout="500ms")})
    world = LiveWorld("asgi", policy)

    async def stalled():
        answer = asyncio.create_task(world.apost(a_token()))
        while not answer.done():
            until = time.monotonic() + 0.15
            while time.monotonic() < until:
                pass
            await asyncio.sleep(0)
        return await answer

    response = world.run(stalled())
    assert (response.status_code, response.json()["code"]) == (503, "timeout")
    assert world.seen == []
    world.close()
    vendor.wait_until_left()


def test_a_process_that_clients_keep_busy_is_no_outage_of_the_vendors(vendor):
    """The same with threads: one that gets no turn reads no answer, and cannot know how late it was."""
    vendor.answer = lambda connection, request: connection.hold()
    policy = policy_of({**LOGIN, "on_unavailable": "allow"}, providers={"cn": account_at(vendor.url, timeout="500ms")})
    world = LiveWorld("wsgi", policy)
    answered = threading.Event()

    def spin():
        while not answered.is_set():
            pass

    others = [threading.Thread(target=spin) for _ in range(20)]
    for other in others:
        other.start()
    try:
        response = world.post(data=a_token())
    finally:
        answered.set()
    for other in others:
        other.join()
    assert (response.status_code, response.json()["code"]) == (503, "timeout")
    assert world.seen == []
    world.close()
    vendor.wait_until_left()
