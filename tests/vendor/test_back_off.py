"""A vendor that says 429 is left alone for as long as it asks, within reason; and nobody gets in by that."""

from __future__ import annotations

import httpx
import pytest
from support.faults import a_token, account_at, passes_all
from support.live import LiveWorld, ManualClock
from support.world import GEETEST, LOGIN, PASSES, World, policy_of

from captcha_gate.testing.vendors.loopback import LoopbackServer, replies

OTHER = {**GEETEST, "captcha_id": "another-account", "fields": {name: f"other_{name}" for name in a_token()}}


class Vendor:
    """Says 429 as long as it has headers for it."""

    def __init__(self, *headers: tuple[str, str]) -> None:
        self.refusal: tuple[tuple[str, str], ...] | None = headers

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if self.refusal is None:
            return httpx.Response(200, json=PASSES)
        return httpx.Response(429, headers=list(self.refusal), content=b"<p>slower, please</p>")


@pytest.fixture
def clock():
    return ManualClock()


@pytest.fixture
def gated(world, clock):
    def build(vendor, **account) -> World:
        rule = {**LOGIN, "on_unavailable": "allow"}
        built = world(policy_of(rule, providers={"cn": {**GEETEST, **account}}), vendor)
        clock.rule(built.gate)
        return built

    return build


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ([], 1),
        ([("Retry-After", "7")], 7),
        ([("Retry-After", "3600")], 30),
        ([("Retry-After", "9" * 5000)], 30),
        ([("Retry-After", "soon")], 1),
        ([("Retry-After", "-5")], 1),
        ([("Retry-After", "Fri, 31 Dec 1999 23:59:59 GMT")], 1),
    ],
    ids=["unsaid", "said", "an hour", "an age", "no number", "negative", "a date"],
)
@pytest.mark.parametrize("breaker", ["off", {"failures": 10, "window": "20s", "open_for": "10s"}], ids=["off", "on"])
def test_it_is_not_asked_for_the_time_that_it_asks_for(gated, clock, headers, seconds, breaker):
    vendor = Vendor(*headers)
    world = gated(vendor, breaker=breaker)
    token = a_token()
    assert [world.post(data=token).status_code for _ in range(3)] == [503] * 3
    clock.now += seconds - 0.1
    assert world.post(data=token).json()["code"] == "throttled"
    assert len(world.asked) == 1
    vendor.refusal = None
    clock.now += 0.1
    assert world.post(data=token).status_code == 200  # refused, it was released each time
    assert [decision.reason for decision in world.decisions] == ["throttled"] * 4 + ["ok"]


def test_at_no_time_does_that_open_a_rule_or_ask_a_probe(gated, clock):
    world = gated(Vendor(("Retry-After", "30")))
    for _ in range(60):
        assert world.post(data=a_token()).status_code == 503
        clock.now += 0.9
    assert world.seen == []
    assert len(world.asked) == 2  # at 0 and at 30.6 seconds


def test_zero_is_no_pause(gated):
    world = gated(Vendor(("Retry-After", "0")))
    assert [world.post(data=a_token()).status_code for _ in range(3)] == [503] * 3
    assert len(world.asked) == 3


def test_another_account_is_asked_meanwhile(world, clock):
    def vendor(request: httpx.Request) -> httpx.Response:
        theirs = b"another-account" in request.url.query
        return httpx.Response(200, json=PASSES) if theirs else httpx.Response(429)

    both = world(policy_of({**LOGIN, "providers": ["cn", "other"]}, providers={"cn": GEETEST, "other": OTHER}), vendor)
    clock.rule(both.gate)
    assert both.post(data=a_token()).status_code == 503
    assert both.post(data={f"other_{name}": value for name, value in a_token().items()}).status_code == 200
    assert both.post(data=a_token()).status_code == 503
    assert len(both.asked) == 2


def test_an_answer_that_was_under_way_ends_the_pause():
    clock = ManualClock()

    def vendor(request: httpx.Request) -> httpx.Response:
        if len(gate.asked) == 1:
            assert gate.post(data=a_token()).status_code == 503  # while the first call is still out
            return httpx.Response(200, json=PASSES)
        return httpx.Response(429 if len(gate.asked) == 2 else 200, json=PASSES)

    gate = World("wsgi", policy_of(LOGIN), vendor)
    clock.rule(gate.gate)
    assert gate.post(data=a_token()).status_code == 200
    assert gate.post(data=a_token()).status_code == 200
    assert len(gate.asked) == 3


def test_the_header_is_read_over_a_real_connection(kind):
    clock = ManualClock()
    with LoopbackServer(replies(429, b"", "Retry-After: 20")) as server:
        live = LiveWorld(kind, policy_of(LOGIN, providers={"cn": account_at(server.url)}))
        clock.rule(live.gate)
        assert live.post(data=a_token()).status_code == 503
        server.answer = passes_all
        clock.now += 19
        assert live.post(data=a_token()).status_code == 503
        assert len(server.received) == 1
        clock.now += 1
        assert live.post(data=a_token()).status_code == 200
        live.close()
