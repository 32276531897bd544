"""What only a store in Redis must do, while Redis does what it should: prefixes, loops, cancellation, closing."""

from __future__ import annotations

import asyncio
import gc
import logging

import pytest
from support.redis_server import redis_server_or_skip
from support.stores import Driven

from captcha_gate.effects import Claim, Get, Increment, Put, Release
from captcha_gate.errors import StoreError
from captcha_gate.stores import redis as module
from captcha_gate.stores.redis import AsyncRedisStore

EVERY = [Claim("a", 10), Release("a"), Increment("n", 10), Put("p", "x", 10), Get("p")]


def test_a_prefix_separates_two_sites(redis_server, open_store):
    one, other = (open_store(f"{redis_server.url}?prefix={name}%3A") for name in ("shop", "blog"))
    assert one.perform(Claim("a", 10)) is True
    assert other.perform(Claim("a", 10)) is True
    assert one.perform(Claim("a", 10)) is False
    assert set(redis_server.admin.scan_iter()) == {b"shop:a", b"blog:a"}


def test_without_a_prefix_keys_begin_with_the_name_of_the_package(redis_server, open_store):
    open_store(redis_server.url).perform(Claim("a", 10))
    assert redis_server.admin.keys() == [b"captcha_gate:a"]


def test_a_number_in_the_path_is_the_database(redis_server, open_store):
    open_store(redis_server.url.removesuffix("0") + "3").perform(Claim("a", 10))
    assert redis_server.admin.info("keyspace")["db3"]["keys"] == 1


def test_a_unix_socket_is_as_good(redis_server, open_store):
    store = open_store(f"unix://{redis_server.socket}?db=2&prefix=shop:")
    assert store.perform(Claim("a", 10)) is True
    assert redis_server.admin.info("keyspace")["db2"]["keys"] == 1


@pytest.mark.parametrize("kinds", [("wsgi", "asgi"), ("asgi", "wsgi")], ids="-".join)
def test_both_adapters_share_one_state(redis_server, kinds):
    first, second = (Driven.redis(kind, redis_server.url) for kind in kinds)
    try:
        assert first.perform(Claim("a", 10)) is True
        assert second.perform(Claim("a", 10)) is False
        assert [store.perform(Increment("n", 10)) for store in (first, second, first)] == [1, 2, 3]
    finally:
        first.close()
        second.close()


def test_connections_are_used_again_and_are_bounded(redis_server, proxy, open_store):
    store = open_store(proxy.url)
    for number in range(50):
        store.perform(Claim(f"a{number}", 10))
    assert proxy.accepted == 1
    store.together([Get("a")] * 200)
    assert proxy.accepted <= module.MAX_CONNECTIONS


def test_what_queues_for_a_connection_longer_than_its_time_is_refused(proxy, open_store, monkeypatch):
    monkeypatch.setattr(module, "MAX_CONNECTIONS", 1)
    monkeypatch.setattr(module, "TIMEOUT", 0.3)
    store = open_store(proxy.url)
    store.perform(Get("a"))
    proxy.delay = 0.2
    replies = store.together([Get("a")] * 4)
    assert None in replies
    assert any(isinstance(reply, StoreError) for reply in replies)
    assert proxy.accepted <= 2


def test_cancelled_requests_leave_replies_with_those_who_asked(redis_server, monkeypatch):
    monkeypatch.setattr(module, "TIMEOUT", 30.0)  # this is about whose reply it is, not about when it comes
    count = 300
    store = AsyncRedisStore(redis_server.url)

    async def turns(number):
        for _ in range(number):
            await asyncio.sleep(0)

    async def storm():
        wrong = 0
        for round_ in range(5):
            tasks = [asyncio.ensure_future(store.perform(Get(f"k{number}"))) for number in range(count)]
            for number in range(round_, count, 2):
                await turns(number % 5)
                tasks[number].cancel()
            for number, reply in enumerate(await asyncio.gather(*tasks, return_exceptions=True)):
                wrong += not (reply == str(number) or isinstance(reply, asyncio.CancelledError))
        return wrong

    async def everything():
        for number in range(count):
            await store.perform(Put(f"k{number}", str(number), 100))
        try:
            assert await storm() == 0
            replies = await asyncio.gather(*(store.perform(Get(f"k{number}")) for number in range(count)))
            assert replies == [str(number) for number in range(count)]
            assert redis_server.connections() <= module.MAX_CONNECTIONS
        finally:
            await store.aclose()

    asyncio.run(everything())


def test_event_loops_in_turn_each_have_connections_of_their_own(redis_server, proxy):
    store = AsyncRedisStore(proxy.url)

    async def claim(key):
        try:
            return await store.perform(Claim(key, 10))
        finally:
            await store.aclose()

    assert [asyncio.run(claim(key)) for key in ("a", "b", "a")] == [True, True, False]
    proxy.wait_until_left()
    assert proxy.accepted == 3


@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_an_event_loop_that_ended_without_closing_is_forgotten(redis_server):
    store = AsyncRedisStore(redis_server.url)
    assert asyncio.run(store.perform(Claim("a", 10))) is True

    async def later():
        assert await store.perform(Claim("a", 10)) is False
        assert len(store._clients) == 1
        gc.collect()  # the warning is of this test
        await store.aclose()

    asyncio.run(later())


def test_a_closed_store_has_no_socket_and_opens_again_when_it_is_needed(proxy, open_store):
    store = open_store(proxy.url)
    for key in ("a", "b"):
        store.together([Claim(f"{key}{number}", 10) for number in range(20)])
        store.close() if store._runner is None else store._runner.run(store.store.aclose())
        proxy.wait_until_left()


def warnings_of(caplog):
    return [record.message for record in caplog.records if record.levelno >= logging.WARNING]


def test_a_redis_that_evicts_is_warned_of_once(own_redis, open_store, caplog):
    own_redis.admin.config_set("maxmemory", "100mb")
    own_redis.admin.config_set("maxmemory-policy", "allkeys-lru")
    store = open_store(own_redis.url)
    store.together([Claim(f"a{number}", 10) for number in range(50)])
    store.perform(Get("a"))
    assert [message for message in warnings_of(caplog) if "allkeys-lru" in message and "noeviction" in message]
    assert len(warnings_of(caplog)) == 1


@pytest.mark.parametrize(("limit", "policy"), [("0", "allkeys-lru"), ("100mb", "noeviction")])
def test_a_redis_that_never_evicts_is_not_warned_of(own_redis, open_store, caplog, limit, policy):
    own_redis.admin.config_set("maxmemory", limit)
    own_redis.admin.config_set("maxmemory-policy", policy)
    open_store(own_redis.url).perform(Claim("a", 10))
    assert warnings_of(caplog) == []


def test_a_user_who_may_not_ask_about_memory_is_served_and_warned_once(own_redis, open_store, caplog):
    own_redis.admin.execute_command(
        "ACL", "SETUSER", "gate", "on", ">pass", "~captcha_gate:*", "+@connection", "+set", "+get", "+del",
        "+eval", "+incr", "+pexpire",
    )  # fmt: skip
    store = open_store(own_redis.url.replace("//", "//gate:pass@"))
    for operation in EVERY:
        store.perform(operation)
    assert [store.perform(Claim("b", 10)) for _ in range(2)] == [True, False]
    assert len(warnings_of(caplog)) == 1
    assert "INFO" in warnings_of(caplog)[0]


def test_tls_is_spoken_to_whom_the_certificate_names_and_to_nobody_else(tmp_path, open_store, monkeypatch):
    trustme = pytest.importorskip("trustme")
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca")
    certificate = authority.issue_cert("localhost")
    certificate.private_key_pem.write_to_path(tmp_path / "key")
    certificate.cert_chain_pems[0].write_to_path(tmp_path / "cert")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca"))
    with RedisTls(tmp_path) as port:
        assert open_store(f"rediss://localhost:{port}/0").perform(Claim("a", 10)) is True
        with pytest.raises(StoreError, match="ConnectionError"):
            open_store(f"rediss://127.0.0.1:{port}/0").perform(Claim("b", 10))
        monkeypatch.delenv("SSL_CERT_FILE")
        with pytest.raises(StoreError, match="ConnectionError"):
            open_store(f"rediss://localhost:{port}/0").perform(Claim("b", 10))


class RedisTls:
    """A server that speaks TLS on a second port."""

    def __init__(self, folder):
        import socket

        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self._port = probe.getsockname()[1]
        self._server = redis_server_or_skip(
            folder, "--tls-port", str(self._port), "--tls-cert-file", str(folder / "cert"),
            "--tls-key-file", str(folder / "key"), "--tls-ca-cert-file", str(folder / "ca"), "--tls-auth-clients", "no",
        )  # fmt: skip

    def __enter__(self):
        return self._port

    def __exit__(self, *_):
        self._server.close()
