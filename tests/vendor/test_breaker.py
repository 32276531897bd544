"""The breaker: a vendor that is down is not asked by everybody, and nobody's junk can make it look down."""

from __future__ import annotations

import httpx
import pytest
from support.live import ManualClock
from support.world import GEETEST, LOGIN, PASSES, REFUSES, TOKEN, policy_of

from captcha_gate.breaker import Breaker


def down(request: httpx.Request) -> httpx.Response:
    return httpx.Response(503, content=b"down")


class Vendor:
    """Answers clients' tokens and the gate's probes differently, and counts both."""

    def __init__(self, tokens=None, probes=None) -> None:
        self.tokens, self.probes = tokens, probes
        self.asked, self.probed = 0, 0

    def __call__(self, request: httpx.Request) -> httpx.Response:
        ours = TOKEN["captcha_output"].replace("=", "%3D").encode() not in request.content
        if ours:
            self.probed += 1
        else:
            self.asked += 1
        reply = self.probes if ours else self.tokens
        return down(request) if reply is None else httpx.Response(200, json=reply)


@pytest.fixture
def clock():
    return ManualClock()


@pytest.fixture
def gated(world, clock):
    def build(vendor, on_unavailable="reject", **account):
        policy = policy_of({**LOGIN, "on_unavailable": on_unavailable}, providers={"cn": {**GEETEST, **account}})
        built = world(policy, vendor)
        clock.rule(built.gate)
        return built

    return build


def posts(world, count, start=0):
    """Statuses of so many requests with a new token each."""
    lots = (f"{number:032x}" for number in range(start, start + count))
    return [world.post(data={**TOKEN, "lot_number": lot}).status_code for lot in lots]


def test_a_vendor_that_answers_nobody_is_not_asked_any_more_for_a_while(gated):
    vendor = Vendor()
    world = gated(vendor)
    assert posts(world, 10) == [503] * 10
    assert (vendor.asked, vendor.probed) == (10, 0)
    assert posts(world, 50, 10) == [503] * 50
    assert (vendor.asked, vendor.probed) == (10, 1)
    assert {decision.reason for decision in world.decisions[10:]} == {"breaker_open"}


def test_a_token_that_was_refused_by_an_open_breaker_is_not_used_up(gated, clock):
    vendor = Vendor()
    world = gated(vendor)
    posts(world, 11)
    vendor.tokens = vendor.probes = PASSES
    clock.now += 10
    assert posts(world, 1, 10) == [200]


def test_junk_that_makes_the_vendor_fail_opens_no_breaker(gated):
    vendor = Vendor(tokens=None, probes=REFUSES)
    world = gated(vendor)
    posts(world, 100)
    assert vendor.asked == 100
    assert {decision.reason for decision in world.decisions} == {"provider_error"}
    vendor.tokens = PASSES
    assert posts(world, 1, 100) == [200]


def test_refused_tokens_open_no_breaker(gated):
    vendor = Vendor(tokens=REFUSES)
    world = gated(vendor)
    assert posts(world, 100) == [403] * 100
    assert (vendor.asked, vendor.probed) == (100, 0)


def test_outages_with_answers_between_them_open_no_breaker(gated):
    vendor = Vendor()
    world = gated(vendor)
    for start in range(0, 90, 9):
        vendor.tokens = None
        posts(world, 9, start)
        vendor.tokens = REFUSES
        posts(world, 1, 1000 + start)
    assert vendor.asked == 100


def test_outages_that_are_far_apart_open_no_breaker(gated, clock):
    vendor = Vendor()
    world = gated(vendor)
    for number in range(30):
        posts(world, 1, number)
        clock.now += 3
    assert (vendor.asked, vendor.probed) == (30, 0)


def test_after_its_time_a_probe_decides_whether_it_stays_open(gated, clock):
    vendor = Vendor()
    world = gated(vendor)
    posts(world, 11)
    clock.now += 10
    posts(world, 5, 11)
    assert (vendor.asked, vendor.probed) == (10, 2)
    vendor.tokens = vendor.probes = PASSES
    assert posts(world, 5, 16) == [503] * 5
    clock.now += 10
    assert posts(world, 5, 21) == [200] * 5
    assert (vendor.asked, vendor.probed) == (15, 3)


def test_an_open_breaker_opens_no_rule_without_the_proof(gated, clock):
    vendor = Vendor()
    world = gated(vendor, on_unavailable="allow")
    assert posts(world, 11) == [200] * 11
    assert world.decisions[-1].reason == "breaker_open"
    assert world.decisions[-1].opened
    vendor.tokens = vendor.probes = PASSES
    clock.now += 6  # the proof is over, the breaker still open: the vendor is asked, and answers
    assert posts(world, 1, 11) == [503]
    assert posts(world, 1, 12) == [200]
    assert world.decisions[-1].verified


def test_a_breaker_can_be_set_and_switched_off(gated, clock):
    vendor = Vendor()
    world = gated(vendor, breaker={"failures": 2, "window": "5s", "open_for": "1s"})
    posts(world, 5)
    assert vendor.asked == 2
    clock.now += 1
    vendor.tokens = vendor.probes = PASSES
    clock.now += 5
    assert posts(world, 1, 5) == [200]
    off = Vendor()
    posts(gated(off, breaker="off"), 30)
    assert (off.asked, off.probed) == (30, 0)


def test_one_vendors_breaker_is_not_anothers(world, clock):
    dead, alive = Vendor(), Vendor(tokens=PASSES, probes=PASSES)

    def vendor(request):
        return (dead if request.url.host == "dead.example" else alive)(request)

    accounts = {
        "dead": {**GEETEST, "captcha_id": "a", "base_url": "https://dead.example"},
        "alive": {**GEETEST, "captcha_id": "b", "base_url": "https://alive.example"},
    }
    rules = [{"name": name, "match": f"/{name}", "providers": [name]} for name in accounts]
    built = world(policy_of(*rules, providers=accounts), vendor)
    clock.rule(built.gate)
    for number in range(12):
        built.post("/dead", data={**TOKEN, "lot_number": f"{number:032x}"})
    assert built.decisions[-1].reason == "breaker_open"
    assert built.post("/alive", data=TOKEN).status_code == 200


def test_servers_that_clients_name_leave_nothing_behind(world):
    account = {"type": "vaptcha", "vid": "5b4d9c33a485e50410192331", "key": "a key for tests"}
    built = world(policy_of(providers={"va": account}), down)
    for number in range(50):
        fields = {"vaptcha_server": f"https://n{number}.vaptcha.com/verify", "vaptcha_token": f"t{number}"}
        assert built.post(data=fields).status_code == 403
    assert built.gate._mounted.gate.vendors._breakers == {}


def test_with_an_open_breaker_geetest_v3_gives_offline_challenges_without_asking(world, clock):
    asked = []

    def vendor(request):
        asked.append(request.url.path)
        return down(request)

    account = {"type": "geetest-v3", "captcha_id": "a" * 32, "private_key": "a key for tests"}
    built = world(policy_of(providers={"v3": account}), vendor)
    clock.rule(built.gate)
    for _ in range(15):
        assert built.request("GET", "/captcha-gate/v3/challenge").json()["success"] == 0
    assert asked == ["/register.php"] * 10 + ["/validate.php"]


def test_a_breaker_by_itself():
    breaker = Breaker(failures=3, window=20.0, open_for=10.0)
    assert not breaker.is_doubtful(0.0)
    for now in (0.0, 1.0, 2.0):
        breaker.failed(now)
    assert breaker.is_doubtful(20.0)
    assert not breaker.is_doubtful(20.1)
    assert not breaker.is_open(2.0)
    breaker.open(2.0)
    assert breaker.is_open(11.9)
    assert not breaker.is_doubtful(11.9)
    assert not breaker.is_open(12.0)
    assert breaker.is_doubtful(12.0)
    breaker.close()
    assert not breaker.is_open(2.0)
    assert not breaker.is_doubtful(2.0)
