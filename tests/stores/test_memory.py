"""The store in memory: what only this one must do. What every store must: test_conformance."""

from __future__ import annotations

import pytest

from captcha_gate.effects import Claim, Release
from captcha_gate.errors import StoreError
from captcha_gate.stores.memory import MemoryStore


@pytest.fixture
def store(clock):
    return MemoryStore(clock=clock)


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
