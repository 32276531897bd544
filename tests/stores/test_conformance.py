"""What every store must do: the one in memory, and the one in Redis for threads and for event loops."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from support.live import ManualClock
from support.stores import Driven

from captcha_gate.effects import Claim, Decrement, Get, Increment, Put, Release, StoreOp
from captcha_gate.errors import StoreError
from captcha_gate.stores.memory import MemoryStore


class InMemory(Driven):
    def __init__(self):
        self._clock = ManualClock()
        super().__init__(MemoryStore(clock=self._clock))

    def elapse(self, seconds):
        self._clock.now += seconds

    def left(self, key):
        return self.store._entries[key][0] - self._clock.now


class InRedis(Driven):
    """Redis has no clock that could be moved; the ends of its keys can."""

    def __init__(self, kind, server):
        super().__init__(Driven.redis(kind, f"{server.url}?prefix=").store)
        self._admin = server.admin

    def elapse(self, seconds):
        for key in self._admin.scan_iter():
            self._admin.pexpireat(key, self._admin.pexpiretime(key) - int(seconds * 1000))

    def left(self, key):
        return self._admin.pttl(key) / 1000


@pytest.fixture(params=["memory", "wsgi", "asgi"])
def store(request):
    kind = request.param
    made = InMemory() if kind == "memory" else InRedis(kind, request.getfixturevalue("redis_server"))
    yield made
    made.close()


def test_a_key_can_be_claimed_once(store):
    assert [store.perform(Claim("a", 10)) for _ in range(3)] == [True, False, False]
    assert store.perform(Claim("b", 10)) is True


def test_a_count_can_be_taken_back_but_not_below_zero(store):
    store.perform(Increment("a", 100))
    store.perform(Increment("a", 100))
    for left in ("1", "0", "0"):
        assert store.perform(Decrement("a")) is None
        assert store.perform(Get("a")) == left
    assert store.perform(Increment("a", 100)) == 1


def test_taking_back_what_is_forgotten_begins_no_count_without_an_end(store):
    store.perform(Decrement("a"))
    assert store.perform(Get("a")) is None


def test_taking_back_does_not_move_the_end(store):
    store.perform(Increment("a", 1000))
    store.elapse(900)
    store.perform(Decrement("a"))
    assert 90 < store.left("a") <= 100


def test_a_released_key_can_be_claimed_again(store):
    store.perform(Claim("a", 10))
    assert store.perform(Release("a")) is None
    assert store.perform(Claim("a", 10)) is True


def test_releasing_what_nobody_holds_is_nothing(store):
    assert store.perform(Release("a")) is None


def test_a_claim_ends_after_its_time_and_not_before(store):
    store.perform(Claim("a", 1000))
    store.elapse(990)
    assert store.perform(Claim("a", 1000)) is False
    store.elapse(11)
    assert store.perform(Claim("a", 1000)) is True


@pytest.mark.parametrize("seconds", [900, 900.5])
@pytest.mark.parametrize("operation", [Claim, Increment, lambda key, ttl: Put(key, "x", ttl)])
def test_everything_has_the_end_that_it_was_given(store, operation, seconds):
    store.perform(operation("a", seconds))
    assert seconds - 5 < store.left("a") <= seconds


def test_a_refused_claim_does_not_move_the_end_of_the_first(store):
    store.perform(Claim("a", 1000))
    store.perform(Claim("a", 5000))
    assert store.left("a") <= 1000


def test_a_claim_taken_anew_is_not_ended_by_the_end_of_the_old_one(store):
    store.perform(Claim("a", 1000))
    store.elapse(500)
    store.perform(Release("a"))
    store.perform(Claim("a", 1000))
    store.elapse(600)
    assert store.perform(Claim("a", 1000)) is False


def test_a_claim_shorter_than_a_millisecond_is_a_claim(store):
    assert store.perform(Claim("a", 0.0001)) is True


def test_a_count_begins_anew_after_its_time(store):
    assert [store.perform(Increment("n", 1000)) for _ in range(3)] == [1, 2, 3]
    store.elapse(1001)
    assert store.perform(Increment("n", 1000)) == 1


def test_the_window_of_a_count_does_not_slide(store):
    for _ in range(3):
        store.perform(Increment("n", 1000))
        store.elapse(300)
    assert store.left("n") <= 100
    store.elapse(101)
    assert store.perform(Increment("n", 1000)) == 1


def test_a_value_is_kept_and_replaced(store):
    store.perform(Put("a", "one", 10))
    assert store.perform(Get("a")) == "one"
    store.perform(Put("a", "two", 1000))
    assert store.perform(Get("a")) == "two"
    assert store.left("a") > 900


def test_a_value_is_gone_after_its_time(store):
    store.perform(Put("a", "one", 1000))
    store.elapse(1001)
    assert store.perform(Get("a")) is None


def test_there_is_nothing_where_nothing_was_put(store):
    assert store.perform(Get("a")) is None


@pytest.mark.parametrize("value", ["", "反爬虫 é 🤖", "a\r\n\0b", "0", "None", "x" * 100_000], ids=len)
def test_a_value_comes_back_as_it_was(store, value):
    store.perform(Put("schlüssel 🔑\r\n", value, 10))
    assert store.perform(Get("schlüssel 🔑\r\n")) == value


def test_of_two_hundred_at_once_one_gets_the_claim(store):
    taken = store.together([Claim("a", 10)] * 200)
    assert (taken.count(True), taken.count(False)) == (1, 199)


def test_two_hundred_at_once_are_all_counted(store):
    assert sorted(store.together([Increment("n", 10)] * 200)) == list(range(1, 201))


@dataclass(frozen=True)
class Unheard(StoreOp[None]):
    key: str


def test_an_operation_that_the_store_does_not_know_is_an_error(store):
    with pytest.raises(StoreError, match="does not know Unheard"):
        store.perform(Unheard("a"))
