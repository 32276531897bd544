"""A Redis that is slow, full, read-only, restarted, gone or none: nobody gets through, and hardly anybody waits."""

from __future__ import annotations

import socket
import time
import traceback

import pytest
from support.redis_server import Impostor

from captcha_gate.effects import Claim, Get, Increment, Put, Release
from captcha_gate.errors import StoreError
from captcha_gate.stores import redis as module
from captcha_gate.stores.redis import COOL_DOWN, TIMEOUT

EVERY = [Claim("a", 10), Release("a"), Increment("n", 10), Put("p", "x", 10), Get("p")]
#: Seconds that a machine may be busy with other things.
SLACK = 1.0


def seconds_of(call):
    began = time.monotonic()
    call()
    return time.monotonic() - began


def fails(store, operation=EVERY[0], match="Redis"):
    with pytest.raises(StoreError, match=match):
        store.perform(operation)


@pytest.mark.parametrize("operation", EVERY, ids=lambda operation: type(operation).__name__)
def test_a_redis_that_does_not_answer_is_an_error_within_the_time(proxy, open_store, operation):
    proxy.swallows = True
    store = open_store(proxy.url)
    assert TIMEOUT * 0.9 < seconds_of(lambda: fails(store, operation, "TimeoutError")) < TIMEOUT + SLACK


def test_two_hundred_at_once_wait_no_longer_than_one(proxy, open_store):
    proxy.swallows = True
    store = open_store(proxy.url)
    replies = []
    assert seconds_of(lambda: replies.extend(store.together([Claim("a", 10)] * 200))) < TIMEOUT + SLACK
    assert {type(reply) for reply in replies} == {StoreError}


def test_a_late_answer_is_an_error_and_reaches_nobody_else(proxy, open_store, clock):
    store = open_store(proxy.url, clock=clock)
    store.perform(Put("p", "secret", 10))
    proxy.delay = TIMEOUT * 1.3
    fails(store, Get("p"), "TimeoutError")
    proxy.delay = 0.0
    clock.now += COOL_DOWN
    assert store.perform(Get("nothing")) is None
    assert store.perform(Get("p")) == "secret"


def test_after_one_waited_in_vain_others_are_refused_at_once_and_one_a_second_tries(proxy, open_store, clock):
    proxy.swallows = True
    store = open_store(proxy.url, clock=clock)
    fails(store, match="TimeoutError")
    for _ in range(3):
        tried = proxy.accepted
        assert seconds_of(lambda: [fails(store, match="a moment ago") for _ in range(50)]) < TIMEOUT / 2
        clock.now += COOL_DOWN * 0.99
        fails(store, match="a moment ago")
        assert proxy.accepted == tried
        clock.now += COOL_DOWN * 0.01
        replies = store.together([Claim("a", 10)] * 20)
        assert sorted(map(str, replies)) == ["Redis did not answer a moment ago"] * 19 + ["Redis: TimeoutError"]
        assert proxy.accepted == tried + 1
    proxy.swallows = False
    clock.now += COOL_DOWN
    assert store.perform(Claim("a", 10)) is True
    assert store.together([Claim(f"b{number}", 10) for number in range(20)]) == [True] * 20


def test_connections_that_died_in_silence_cost_one_wait_together(proxy, open_store, clock):
    store = open_store(proxy.url, clock=clock)
    store.together([Get("a")] * 50)
    assert proxy.accepted > 3
    proxy.deafen()
    fails(store, match="TimeoutError")
    clock.now += COOL_DOWN
    assert store.perform(Claim("a", 10)) is True
    assert store.together([Claim(f"b{number}", 10) for number in range(50)]) == [True] * 50


def test_where_nobody_listens_the_error_comes_at_once(open_store, clock):
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        store = open_store(f"redis://127.0.0.1:{bound.getsockname()[1]}/0", clock=clock)
        assert seconds_of(lambda: fails(store, match="ConnectionError")) < TIMEOUT
        fails(store, match="a moment ago")


def test_the_first_operations_after_a_restart_find_new_connections(own_redis, open_store):
    store = open_store(own_redis.url)
    store.together([Claim(f"a{number}", 10) for number in range(50)])
    own_redis.stop()
    own_redis.start()
    assert store.perform(Claim("a", 10)) is True
    assert store.together([Claim(f"b{number}", 10) for number in range(50)]) == [True] * 50


def test_a_redis_that_comes_back_serves_again(own_redis, open_store, clock):
    store = open_store(own_redis.url, clock=clock)
    assert store.perform(Claim("a", 10)) is True
    own_redis.stop()
    fails(store)
    own_redis.start()
    fails(store, match="a moment ago")
    clock.now += COOL_DOWN
    assert store.perform(Claim("b", 10)) is True
    assert store.perform(Claim("b", 10)) is False


@pytest.mark.parametrize("operation", [Claim("new", 10), Increment("new", 10), Put("new", "x", 10)])
def test_a_full_redis_is_an_error_and_keeps_what_it_has(own_redis, open_store, operation):
    store = open_store(own_redis.url)
    assert store.perform(Claim("a", 10)) is True
    own_redis.admin.config_set("maxmemory", "1")
    for _ in range(3):  # nobody had to wait: the others may try too
        fails(store, operation, "OutOfMemoryError|ResponseError")
    assert own_redis.admin.keys() == [b"captcha_gate:a"]
    own_redis.admin.config_set("maxmemory", "0")
    assert store.perform(Claim("a", 10)) is False


def test_a_count_without_room_leaves_no_key_without_an_end(own_redis, open_store):
    store = open_store(own_redis.url)
    store.perform(Increment("n", 10))
    own_redis.admin.config_set("maxmemory", "1")
    fails(store, Increment("n", 10))
    assert 0 < own_redis.admin.pttl("captcha_gate:n") <= 10_000


def test_a_replica_that_may_only_be_read_is_an_error(own_redis, redis_server, open_store):
    store = open_store(own_redis.url)
    own_redis.admin.replicaof("127.0.0.1", redis_server.port)
    for operation in EVERY[:4]:
        fails(store, operation, "ReadOnlyError|ResponseError")
    own_redis.admin.replicaof("NO", "ONE")
    assert store.perform(Claim("a", 10)) is True


@pytest.mark.parametrize("user", [":canary@", "nobody:canary@", ""])
def test_a_wrong_password_is_an_error_that_does_not_name_it(own_redis, open_store, user):
    own_redis.admin.config_set("requirepass", "right")
    store = open_store(own_redis.url.replace("//", f"//{user}"))
    with pytest.raises(StoreError) as caught:
        store.perform(Claim("a", 10))
    assert "canary" not in "".join(traceback.format_exception(caught.value))
    assert "canary" not in f"{store.store!r} {vars(store.store)}"


def test_a_right_password_opens(own_redis, open_store):
    own_redis.admin.execute_command("ACL", "SETUSER", "gate", "on", ">p@ss/w?rd#", "~*", "+@all")
    store = open_store(own_redis.url.replace("//", "//gate:p%40ss%2Fw%3Frd%23@"))
    assert store.perform(Claim("a", 10)) is True


NOT_REDIS = [
    b"HTTP/1.1 400 Bad Request\r\n\r\n",
    b"+QUEUED\r\n",
    b":1\r\n",
    b":x\r\n",
    b"*1\r\n$2\r\nOK\r\n",
    b"$9999999999999\r\n",
    b"$-1\r\n",
    b"+OK",
    b"\xff\xfe\r\n",
    b"",
]


@pytest.mark.parametrize("words", NOT_REDIS, ids=repr)
@pytest.mark.parametrize("operation", EVERY, ids=lambda operation: type(operation).__name__)
def test_whatever_else_answers_lets_nobody_through(open_store, monkeypatch, operation, words):
    monkeypatch.setattr(module, "TIMEOUT", 0.2)
    monkeypatch.setattr(module._Health, "greeted", True)
    with Impostor(words) as url:
        try:
            reply = open_store(url).perform(operation)
        except StoreError:
            return
    # What these say is what a Redis would say, too.
    assert (type(operation), words[:3], reply) in {
        (Claim, b"$-1", False),
        (Get, b"$-1", None),
        (Get, b"+QU", "QUEUED"),
        (Release, b":1\r", None),
        (Increment, b":1\r", 1),
    }


@pytest.mark.parametrize("words", NOT_REDIS, ids=repr)
def test_whatever_else_answers_is_an_error_when_it_is_met(open_store, monkeypatch, words):
    monkeypatch.setattr(module, "TIMEOUT", 0.2)
    with Impostor(words) as url:
        fails(open_store(url))
