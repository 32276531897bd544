"""A gate whose store is in Redis, over real sockets: what its outages do to people, and what several processes may."""

from __future__ import annotations

import time

import altcha
import pytest
from support.faults import a_token, account_at, passes_all
from support.live import LiveWorld
from support.redis_server import RedisProxy
from support.stores import Driven
from support.world import ALTCHA, LOGIN, policy_of

from captcha_gate import PolicyError
from captcha_gate.stores.memory import MemoryStore
from captcha_gate.testing.vendors import faults
from captcha_gate.testing.vendors.loopback import LoopbackServer


@pytest.fixture
def vendor():
    with LoopbackServer(passes_all) as server:
        yield server


@pytest.fixture
def live(kind, vendor):
    """Build a gate in front of `vendor` with this store; the rule opens in outages."""
    worlds = []

    def build(store, **rule):
        rule = {**LOGIN, "on_unavailable": "allow", **rule}
        policy = policy_of(rule, providers={"cn": account_at(vendor.url), "pow": ALTCHA})
        worlds.append(LiveWorld(kind, policy, store=store))
        return worlds[-1]

    yield build
    for world in worlds:
        world.close()


def is_a_store_error(world, response):
    last = world.decisions[-1]
    return (response.status_code, response.json()["code"], last.outcome, last.reason, last.allowed) == (
        503, "store_error", "unavailable", "store_error", False,
    )  # fmt: skip


@pytest.mark.parametrize("on_unavailable", ["reject", "allow", {"allow": "60/m"}], ids=str)
def test_without_its_redis_a_gate_lets_nobody_through_whatever_the_rule_says(
    live, vendor, own_redis, clock, kind, on_unavailable
):
    store = Driven.redis(kind, own_redis.url, clock=clock).store
    world = live(store, providers=["cn"], on_unavailable=on_unavailable)
    assert world.post(data=a_token()).status_code == 200
    own_redis.stop()
    token = a_token()
    for _ in range(3):
        assert is_a_store_error(world, world.post(data=token))
    assert (len(world.seen), len(vendor.received)) == (1, 1)
    own_redis.start()
    clock.now += 1
    assert [world.post(data=token).status_code for _ in range(2)] == [200, 403]
    close(world, store)


def close(world, store):
    """Close a store that was handed over, which the gate leaves to its owner."""
    world.run(store.aclose()) if world.kind == "asgi" else store.close()


def test_a_redis_that_says_nothing_costs_the_first_about_a_second_and_the_next_nothing(live, proxy, vendor):
    proxy.swallows = True
    world = live(proxy.url, providers=["cn"])
    for least, most in ((0.9, 2.5), (0, 0.5)):
        began = time.monotonic()
        assert is_a_store_error(world, world.post(data=a_token()))
        assert least <= time.monotonic() - began < most
    assert (world.seen, vendor.received) == ([], [])


def test_a_vendor_that_is_down_opens_but_not_more_often_than_redis_counts(live, redis_server, vendor):
    vendor.answer = faults.status(503)
    world = live(redis_server.url, providers=["cn"], on_unavailable={"allow": "3/h"})
    assert [world.post(data=a_token()).status_code for _ in range(5)] == [200, 200, 200, 503, 503]


def test_a_full_redis_lets_nobody_through(live, own_redis, vendor):
    own_redis.admin.config_set("maxmemory", "1")
    world = live(own_redis.url, providers=["cn"])
    assert is_a_store_error(world, world.post(data=a_token()))
    own_redis.admin.config_set("maxmemory", "0")
    assert world.post(data=a_token()).status_code == 200


def test_two_gates_with_one_redis_pass_a_token_once(live, redis_server, vendor):
    worlds = [live(redis_server.url, providers=["cn"]) for _ in range(2)]
    token = a_token()
    assert [world.post(data=token).status_code for world in (*worlds, *worlds)] == [200, 403, 403, 403]
    assert len(vendor.received) == 1


def test_closing_the_gate_leaves_no_socket(live, redis_server):
    with RedisProxy(redis_server.port) as proxy:
        world = live(proxy.url, providers=["cn"])
        assert [response.status_code for response in world.together(a_token() for _ in range(20))] == [200] * 20
        world.give_up_pool()
        proxy.wait_until_left()
        assert world.post(data=a_token()).status_code == 200
        world.give_up_pool()
        proxy.wait_until_left()


@pytest.mark.parametrize("kind", ["asgi"])
def test_the_end_of_the_lifespan_leaves_no_socket(live, proxy):
    async def lifespan():
        async def receive():
            return {"type": "lifespan.shutdown"}

        async def send(message):
            pass

        await world.gate({"type": "lifespan"}, receive, send)

    world = live(proxy.url, providers=["cn"])
    world.gate.app = answers_lifespan
    world.run(world.gate({"type": "lifespan"}, None, None))
    assert proxy.accepted == 0
    world.gate.app = world.app
    assert world.post(data=a_token()).status_code == 200
    world.gate.app = answers_lifespan
    world.run(lifespan())
    proxy.wait_until_left()
    assert proxy.accepted == 1


async def answers_lifespan(scope, receive, send):
    """An application whose lifespan is over at once."""


def test_a_store_that_was_handed_over_is_used_and_left_open(live, proxy, kind):
    store = Driven.redis(kind, proxy.url).store
    world = live(store, providers=["cn"])
    world.post(data=a_token())
    world.give_up_pool()
    assert world.post(data=a_token()).status_code == 200
    assert proxy.accepted == 1
    close(world, store)


def test_an_empty_memory_that_was_handed_over_is_used(live):
    memory = MemoryStore()
    first, second = live(memory, providers=["cn"]), live(memory, providers=["cn"])
    token = a_token()
    assert [world.post(data=token).status_code for world in (first, second)] == [200, 403]


def solved(world):
    challenge = altcha.Challenge.from_dict(world.request("GET", "/captcha-gate/pow/challenge").json())
    return {"altcha": altcha.Payload(challenge, altcha.solve_challenge(challenge)).to_base64()}


def test_the_proof_of_work_is_accepted_by_several_processes_that_share_a_redis(live, redis_server, monkeypatch):
    monkeypatch.setenv("WEB_CONCURRENCY", "4")
    worlds = [live(redis_server.url, providers=["pow"]) for _ in range(2)]
    for world in worlds:
        world.environ["wsgi.multiprocess"] = True
    answer = solved(worlds[0])
    assert [world.post(data=answer).status_code for world in (*worlds, *worlds)] == [200, 403, 403, 403]
    assert [world.decisions[-1].reason for world in worlds] == ["replayed"] * 2


def test_it_is_refused_where_each_has_a_memory_of_its_own(live, monkeypatch, kind):
    world = live("memory://", providers=["pow"])
    if kind == "wsgi":
        world.environ["wsgi.multiprocess"] = True
        assert world.post(data=solved(world)).json()["code"] == "internal_error"
    monkeypatch.setenv("WEB_CONCURRENCY", "4")
    with pytest.raises(PolicyError, match="WEB_CONCURRENCY=4"):
        live("memory://", providers=["pow"])
