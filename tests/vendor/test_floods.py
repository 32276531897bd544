"""Junk by the thousand, and outages with a limit: what a flood can open, and what it cannot."""

from __future__ import annotations

import json
import logging

import httpx
import pytest
from support.faults import a_token, account_at
from support.flood import AT_ONCE, flood
from support.live import LiveWorld, ManualClock
from support.world import GEETEST, LOGIN, PASSES, REFUSES, World, policy_of

from captcha_gate.stores.memory import MemoryStore
from captcha_gate.testing.vendors.loopback import LoopbackServer, replies

FLOOD = 10_000  # requests
OPENS = {**LOGIN, "on_unavailable": "allow"}
PATIENT = {**GEETEST, "timeout": "60s"}  # a machine that pauses for seconds must not look like an outage
DOWN = replies(503, b"")


@pytest.fixture(autouse=True)
def _unlogged():
    """pytest would keep every log record of a flood."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


def is_ours(request: httpx.Request) -> bool:
    """Whether it is a question of the gate's own: it bears nothing of a client's token."""
    return b"captcha_output=ymBMOwkj" not in request.content


def refuses(request: httpx.Request) -> httpx.Response:
    return httpx.Response(200, json=REFUSES)


def breaks_over_junk(request: httpx.Request) -> httpx.Response:
    return refuses(request) if is_ours(request) else httpx.Response(503, content=b"<html>")


def says_nothing_readable(request: httpx.Request) -> httpx.Response:
    return refuses(request) if is_ours(request) else httpx.Response(200, content=b"<html>")


def throttles(request: httpx.Request) -> httpx.Response:
    return httpx.Response(429)


def refuses_our_key(request: httpx.Request) -> httpx.Response:
    return httpx.Response(200, json={**REFUSES, "reason": "sign_token error"})


ALL = FLOOD * 4 // 5  # that could be tokens
VENDORS = {
    "refuses": (refuses, {403}, ALL),
    "breaks over each": (breaks_over_junk, {503}, ALL),
    "answers each with a page": (says_nothing_readable, {503}, ALL),
    # It has asked to be left alone, and no time passes here; those that were under way when it did are AT_ONCE.
    "is flooded itself": (throttles, {503}, AT_ONCE),
    "cannot know us any more": (refuses_our_key, {503}, ALL),
}


def junk(count):
    """Tokens that nobody issued; every fifth could not be one."""
    return ({**a_token(), **({"gen_time": "soon"} if number % 5 == 0 else {})} for number in range(count))


@pytest.mark.parametrize("vendor", VENDORS)
def test_ten_thousand_invalid_tokens_open_neither_breaker_nor_rule(kind, vendor):
    answer, statuses, at_most = VENDORS[vendor]
    world = World(kind, policy_of(OPENS, providers={"cn": PATIENT}), answer, {"on_decision": None})
    clock = ManualClock()
    clock.rule(world.gate)
    assert set(flood(world, junk(FLOOD))) == statuses | {403}  # the malformed ones
    assert world.seen == []
    [breaker] = world.gate._mounted.gate.vendors._breakers.values()
    assert breaker._open_until is None
    asked = sum(not is_ours(request) for request in world.asked)
    assert asked == ALL == at_most or asked <= at_most < ALL  # nobody was left out, but where the vendor wants it
    clock.now += 1
    world.vendor = lambda request: httpx.Response(200, json=PASSES)
    assert flood(world, [a_token()]) == [200]
    assert world.seen[-1].decision.verified


@pytest.fixture
def vendor():
    with LoopbackServer(DOWN) as server:
        yield server


def limited(vendor):
    rules = [{"name": name, "match": f"/{name}", "on_unavailable": {"allow": "5/m"}} for name in ("login", "signup")]
    return policy_of(*rules, providers={"cn": account_at(vendor.url)})


def test_of_a_hundred_at_once_the_rate_lets_five_through_in_a_window(kind, vendor):
    clock = ManualClock()
    world = LiveWorld(kind, limited(vendor), store=MemoryStore(clock=clock))
    for _ in range(2):
        assert sorted(flood(world, (a_token() for _ in range(100)))) == [200] * 5 + [503] * 95
        clock.now += 59
        assert set(flood(world, (a_token() for _ in range(20)))) == {503}
        clock.now += 1
    assert {seen.decision.opened for seen in world.seen} == {True}
    assert len(world.seen) == 10
    world.close()


def test_each_rule_has_a_rate_of_its_own(kind, vendor):
    world = LiveWorld(kind, limited(vendor))
    for path in ("/login", "/signup"):
        assert sorted(flood(world, (a_token() for _ in range(30)), path)) == [200] * 5 + [503] * 25
    assert [seen.decision.rule for seen in world.seen] == ["login"] * 5 + ["signup"] * 5
    world.close()


def test_both_adapters_with_one_store_let_five_through_together(vendor):
    store = MemoryStore()
    worlds = [LiveWorld(kind, limited(vendor), store=store) for kind in ("wsgi", "asgi")]
    statuses = [status for _ in range(10) for world in worlds for status in flood(world, [a_token()])]
    assert sorted(statuses) == [200] * 5 + [503] * 15
    assert [len(world.seen) for world in worlds] == [3, 2]
    for world in worlds:
        world.close()


def test_junk_uses_up_nothing_of_what_an_outage_may_let_through(kind, vendor):
    clock = ManualClock()
    world = LiveWorld(kind, limited(vendor))
    clock.rule(world.gate)
    vendor.answer = replies(200, json.dumps(REFUSES).encode())
    assert set(flood(world, junk(50))) == {403}
    vendor.answer = DOWN
    assert set(flood(world, (a_token() for _ in range(5)))) == {503}  # it has answered lately
    clock.now += 5
    assert sorted(flood(world, (a_token() for _ in range(30)))) == [200] * 5 + [503] * 25
    world.close()
