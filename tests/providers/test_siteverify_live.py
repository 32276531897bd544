"""The siteverify family over real sockets, with the gate's own clients: what arrives, and what is asked again."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
from support.live import LiveWorld
from support.siteverify import ACCOUNTS, REPLIES, SECRET, TOKEN, account, context, field_of, golden, settings, token_of
from support.world import policy_of

from captcha_gate.testing.vendors.loopback import Answer, Connection, LoopbackServer, Received, replies

PASSES = {kind: min(file.stem for file in (REPLIES / kind).glob("passed-*.json")) for kind in ACCOUNTS}
JSON = "Content-Type: application/json"


@contextmanager
def gate(adapter: str, kind: str, answer: Answer, **rule: Any) -> Iterator[tuple[LiveWorld, LoopbackServer]]:
    with LoopbackServer(answer) as server:
        login = {"name": "login", "match": "/login", **rule}
        world = LiveWorld(adapter, policy_of(login, providers={"it": settings(kind, base_url=server.url)}))
        try:
            yield world, server
        finally:
            world.close()


def yes(kind: str) -> bytes:
    return json.dumps(golden(kind, PASSES[kind])["reply"]).encode()


@pytest.mark.parametrize("vendor", ACCOUNTS)
def test_what_arrives_is_what_the_row_says(kind, vendor):
    with gate(kind, vendor, replies(200, yes(vendor), JSON)) as (world, server):
        assert world.post(data={field_of(vendor): TOKEN}).status_code == 200
        [received] = server.received
        request = next(account(vendor, base_url=server.url).verify(token_of(vendor), context()))
        assert (received.method, received.target) == (request.method, request.url.raw_path.decode())
        for name, value in request.headers.items():
            if name != "content-length":
                assert received.headers[name] == value
        if vendor == "turnstile":  # whose idempotency key is random here
            assert received.form.keys() == {"response", "secret", "idempotency_key"}
        else:
            assert received.body == request.content


@pytest.mark.parametrize("whose", ["the gate's", "the application's"])
def test_a_secret_that_stands_in_a_url_stands_in_no_log(kind, whose, caplog):
    caplog.set_level(logging.DEBUG)
    client = {"wsgi": httpx.Client, "asgi": httpx.AsyncClient}[kind]
    options = {} if whose == "the gate's" else {"http_client": client(trust_env=False)}
    answers = iter([(200, yes("mtcaptcha")), (403, b"no"), (500, b"down"), (302, b"")])

    def answer(connection: Connection, request: Received) -> None:
        connection.reply(*next(answers), JSON)

    with LoopbackServer(answer) as server:
        made = policy_of(providers={"it": settings("mtcaptcha", base_url=server.url)})
        world = LiveWorld(kind, made, **options)
        for number in range(4):
            world.post(data={field_of("mtcaptcha"): f"{TOKEN}{number}"})
        assert [SECRET in received.target for received in server.received] == [True] * 4
    world.post(data={field_of("mtcaptcha"): TOKEN})  # which nobody answers
    world.close()
    assert len(world.decisions) == 5
    assert SECRET not in caplog.text + repr([decision.as_dict() for decision in world.decisions])
    assert "privatekey" not in caplog.text


class Breaks:
    """Breaks the connection in the middle of its first reply, as a vendor that restarts does; then answers."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self._broken = False

    def __call__(self, connection: Connection, request: Received) -> None:
        if self._broken:
            connection.reply(200, self._content, JSON)
            return
        self._broken = True
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{")
        connection.hang_up()


def test_turnstile_is_asked_again_when_the_reply_broke_off(kind):
    with gate(kind, "turnstile", Breaks(yes("turnstile"))) as (world, server):
        assert world.post(data={field_of("turnstile"): TOKEN}).status_code == 200
        first, second = server.received
        assert first.body == second.body
        assert len(first.form["idempotency_key"][0]) == 36
        # The next request has a key of its own.
        assert world.post(data={field_of("turnstile"): TOKEN + "2"}).status_code == 200
        assert server.received[2].form["idempotency_key"] != first.form["idempotency_key"]


@pytest.mark.parametrize("vendor", ["hcaptcha", "recaptcha-v3", "friendly-v2"])
def test_others_are_not_for_their_token_may_be_spent(kind, vendor):
    with gate(kind, vendor, Breaks(yes(vendor))) as (world, server):
        assert world.post(data={field_of(vendor): TOKEN}).status_code == 503
        assert len(server.received) == 1
        assert world.decisions[-1].reason == "network"


def test_a_server_that_breaks_off_always_is_an_outage_that_can_open_a_rule(kind):
    def breaks(connection: Connection, request: Received) -> None:
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{")
        connection.hang_up()

    with gate(kind, "turnstile", breaks, on_unavailable="allow") as (world, server):
        assert world.post(data={field_of("turnstile"): TOKEN}).status_code == 200
        assert world.decisions[-1].opened
        tokens = [received.form["response"][0] for received in server.received]
        assert tokens.count(TOKEN) == 2  # the others are the gate's own
        assert len(tokens) > 2
