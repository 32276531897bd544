"""The store in memory: what every store must do, and what only this one must."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from captcha_gate.effects import Claim, Increment, Release
from captcha_gate.errors import StoreError
from captcha_gate.stores.memory import MemoryStore


class Clock:
    now = 100.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def store(clock):
    return MemoryStore(clock=clock)


def test_a_key_can_be_claimed_once(store):
    assert [store.perform(Claim("a", 10)) for _ in range(3)] == [True, False, False]
    assert store.perform(Claim("b", 10)) is True


def test_a_released_key_can_be_claimed_again(store):
    store.perform(Claim("a", 10))
    store.perform(Release("a"))
    assert store.perform(Claim("a", 10)) is True


def test_releasing_what_nobody_holds_is_nothing(store):
    assert store.perform(Release("a")) is None


def test_a_claim_ends_after_its_time_and_not_before(store, clock):
    store.perform(Claim("a", 10))
    clock.now += 9.9
    assert store.perform(Claim("a", 10)) is False
    clock.now += 0.2
    assert store.perform(Claim("a", 10)) is True


def test_a_claim_taken_anew_is_not_ended_by_the_end_of_the_old_one(store, clock):
    store.perform(Claim("a", 10))
    clock.now += 5
    store.perform(Release("a"))
    store.perform(Claim("a", 10))
    clock.now += 6
    assert store.perform(Claim("a", 10)) is False


def test_a_count_begins_anew_after_its_time(store, clock):
    assert [store.perform(Increment("n", 60)) for _ in range(3)] == [1, 2, 3]
    clock.now += 61
    assert store.perform(Increment("n", 60)) == 1


def test_a_full_store_is_an_error_and_keeps_every_live_claim(clock):
    store = MemoryStore(max_entries=2, clock=clock)
    store.perform(Claim("a", 10))
    store.perform(Claim("b", 20))
    with pytest.raises(StoreError, match="full"):
        store.perform(Claim("c", 10))
    assert store.perform(Claim("a", 10)) is False
    clock.now += 11
    assert store.perform(Claim("c", 10)) is True


def test_what_has_ended_takes_no_room(store, clock):
    for number in range(60):
        store.perform(Claim(str(number), 1))
    clock.now += 2
    store.perform(Claim("last", 1))
    assert len(store) == 1


def test_of_many_threads_one_gets_the_claim(store):
    with ThreadPoolExecutor(20) as threads:
        taken = list(threads.map(lambda _: store.perform(Claim("a", 10)), range(200)))
    assert taken.count(True) == 1


def test_a_claim_that_is_taken_and_released_for_ever_takes_no_room(store):
    for _ in range(10_000):
        store.perform(Claim("a", 900))
        store.perform(Release("a"))
    assert len(store) == 0
    assert len(store._ends) <= 2000


def test_what_has_ended_is_forgotten_a_little_at_a_time_and_counts_as_gone_at_once(store, clock):
    for number in range(1000):
        store.perform(Claim(str(number), 1))
    clock.now += 2
    assert store.perform(Claim("999", 1)) is True
    assert len(store) > 900
    for number in range(20):
        store.perform(Release(str(number)))
    assert len(store) == 1
