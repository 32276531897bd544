"""`limits: {failed: …}`: junk of one client stops costing the vendor's quota, and nobody else notices."""

from __future__ import annotations

import json

import pytest
from support.faults import a_token, account_at
from support.flood import flood
from support.live import LiveWorld
from support.world import GEETEST, LOGIN, PASSES, REFUSES, TOKEN, answering, policy_of

from captcha_gate.effects import Increment, StoreOp
from captcha_gate.errors import StoreError
from captcha_gate.stores.memory import MemoryStore
from captcha_gate.testing.vendors.loopback import LoopbackServer, replies


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def limited(world):
    def build(reply=REFUSES, limit="3/m", store=None, top=None, **rule):
        policy = policy_of({**LOGIN, "limits": {"failed": limit}, **rule}, **(top or {}))
        return world(policy, answering(reply), **({} if store is None else {"store": store}))

    return build


def junk(number):
    return {**TOKEN, "lot_number": f"{number:032x}"}


def test_after_so_many_failures_a_clients_tokens_are_refused_unasked(limited):
    world = limited()
    statuses = [world.post(data=junk(number)).status_code for number in range(6)]
    assert statuses == [403, 403, 403, 429, 429, 429]
    assert len(world.asked) == 3
    assert world.seen == []
    assert world.decisions[-1].outcome == "failed"
    assert world.decisions[-1].reason == "throttled_client"


def test_the_answer_says_when_to_come_back_and_is_not_to_be_tried_at_once(limited):
    world = limited(limit="1/m")
    world.post(data=junk(0))
    reply = world.post(data=junk(1))
    assert reply.headers["retry-after"] == "60"
    assert reply.json()["code"] == "throttled_client"
    assert reply.json()["retryable"] is False
    page = world.post(data=junk(2), headers={"accept": "text/html"})
    assert page.status_code == 429
    assert "Too many attempts" in page.text


def test_another_client_is_not_concerned(limited):
    world = limited()
    for number in range(5):
        world.post(data=junk(number))
    assert world.post(data=junk(9), client=("192.0.2.9", 1)).status_code == 403


def test_an_ipv6_client_is_its_whole_64_and_no_more(limited):
    world = limited(limit="1/m")
    world.post(data=junk(0), client=("2001:db8:1:2::1", 1))
    assert world.post(data=junk(1), client=("2001:db8:1:2:ffff::2", 1)).status_code == 429
    assert world.post(data=junk(2), client=("2001:db8:1:3::1", 1)).status_code == 403


def test_the_client_behind_a_trusted_proxy_is_meant_and_not_the_proxy(limited):
    world = limited(limit="1/m", top={"client_ip": {"trusted_proxies": ["127.0.0.1"]}})
    world.post(data=junk(0), headers={"x-forwarded-for": "192.0.2.1"})
    assert world.post(data=junk(1), headers={"x-forwarded-for": "192.0.2.1"}).status_code == 429
    assert world.post(data=junk(2), headers={"x-forwarded-for": "192.0.2.2"}).status_code == 403


def test_a_forged_forwarding_header_gives_nobody_more_tries(limited):
    world = limited(limit="1/m")
    world.post(data=junk(0), headers={"x-forwarded-for": "192.0.2.1"})
    assert world.post(data=junk(1), headers={"x-forwarded-for": "192.0.2.2"}).status_code == 429


def test_what_passes_does_not_count(limited):
    world = limited(PASSES)
    assert [world.post(data=junk(number)).status_code for number in range(10)] == [200] * 10


def test_malformed_and_used_tokens_count(limited):
    world = limited(PASSES)
    world.post(data=junk(0))
    assert world.post(data=junk(0)).status_code == 403
    assert world.post(data={**junk(1), "gen_time": "x"}).status_code == 403
    assert world.post(data={**junk(1), "gen_time": "x"}).status_code == 403
    assert world.post(data=junk(2)).status_code == 429


def test_an_outage_does_not_count(limited):
    world = limited({"status": "error", "code": "-50000"})
    assert [world.post(data=junk(number)).status_code for number in range(6)] == [503] * 6


def test_a_request_without_a_token_is_still_told_what_is_missing(limited):
    world = limited(limit="1/m")
    world.post(data=junk(0))
    assert world.post(data={}).json()["code"] == "missing_token"


def test_after_the_window_the_client_may_try_again(limited):
    clock = Clock()
    world = limited(limit="2/m", store=MemoryStore(clock=clock))
    for number in range(4):
        world.post(data=junk(number))
    clock.now += 59
    assert world.post(data=junk(5)).status_code == 429
    clock.now += 2
    assert world.post(data=junk(6)).status_code == 403


def test_each_rule_counts_by_itself(world):
    rules = [{**LOGIN, "limits": {"failed": "1/m"}}, {"name": "other", "match": "/other", "limits": {"failed": "1/m"}}]
    built = world(policy_of(*rules), answering(REFUSES))
    built.post("/login", data=junk(0))
    assert built.post("/login", data=junk(1)).status_code == 429
    assert built.post("/other", data=junk(2)).status_code == 403


def test_annotating_forwards_no_client_that_is_throttled(limited):
    world = limited(limit="1/m", on_fail="annotate")
    assert world.post(data=junk(0)).status_code == 200
    assert world.post(data=junk(1)).status_code == 429


def test_a_monitored_rule_only_records_it(limited):
    world = limited(limit="1/m", mode="monitor")
    assert [world.post(data=junk(number)).status_code for number in range(3)] == [200] * 3
    assert world.decisions[-1].reason == "throttled_client"
    assert not world.decisions[-1].allowed


def test_a_store_that_fails_lets_nobody_through(limited):
    class Broken(MemoryStore):
        def perform(self, operation: StoreOp) -> object:
            if isinstance(operation, Increment):
                raise StoreError("down")
            return super().perform(operation)

    world = limited(PASSES, store=Broken())
    assert world.post(data=junk(0)).status_code == 503
    assert world.decisions[0].reason == "store_error"


def test_the_limit_of_a_rule_may_stand_in_the_defaults(world):
    built = world(policy_of(LOGIN, defaults={"limits": {"failed": "1/h"}}), answering(REFUSES))
    built.post(data=junk(0))
    reply = built.post(data=junk(1))
    assert (reply.status_code, reply.headers["retry-after"]) == (429, "3600")
    assert json.loads(reply.content)["provider"] == "cn"
    assert GEETEST["captcha_key"] not in reply.text


def test_of_many_at_once_no_more_are_asked_about_than_may_fail(kind):
    with LoopbackServer(replies(200, json.dumps(REFUSES))) as vendor:
        policy = policy_of({**LOGIN, "limits": {"failed": "5/m"}}, providers={"cn": account_at(vendor.url)})
        world = LiveWorld(kind, policy)
        statuses = flood(world, (a_token() for _ in range(60)))
        assert sorted(statuses) == [403] * 5 + [429] * 55
        assert len(vendor.received) == 5
        world.close()


@pytest.mark.parametrize("reply", [PASSES, {"status": "error", "code": "-50000", "msg": "system error"}])
def test_what_passes_and_what_nobody_could_tell_counts_as_no_failure(limited, reply):
    world = limited(reply, limit="2/m")
    assert 429 not in {world.post(data=junk(number)).status_code for number in range(6)}
    assert len(world.asked) == 6


@pytest.mark.parametrize("nobody", [("", 0)])
def test_clients_whose_address_is_unknown_count_as_one(limited, nobody):
    world = limited(limit="2/m")
    assert [world.post(data=junk(number), client=nobody).status_code for number in range(4)] == [403, 403, 429, 429]
