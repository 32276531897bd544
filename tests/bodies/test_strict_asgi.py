"""The gate between two strict readings of the ASGI specification: neither side may see it break the letter."""

from __future__ import annotations

import asyncio
import copy
from typing import Any

import httpx
import pytest
from support.asgi_checker import AsgiViolation, Peer, StrictAsgi, http_scope, requests
from support.body_corpus import CORPUS, FORM, FORM_BODY, JSON, JSON_BODY
from support.token_flow import cut
from support.world import LOGIN, PASSES, TOKEN, policy_of

from captcha_gate.asgi import CaptchaGate
from captcha_gate.errors import UnsupportedScope

HEADERS = [("x-captcha-" + name.replace("_", "-"), value) for name, value in TOKEN.items()]
DENIED = {"name": "closed", "match": "/closed", "action": "deny"}
SOCKET = {"name": "socket", "match": "/ws"}


async def answering(scope: Any, receive: Any, send: Any) -> None:
    """A well-behaved application for each kind of scope."""
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.accept"})
        await send({"type": "websocket.close", "code": 1000})
    elif scope["type"] == "lifespan":
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.complete"})
    else:
        while (await receive()).get("more_body"):
            pass
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]})
        await send({"type": "http.response.body", "body": b"hello", "more_body": True})
        await send({"type": "http.response.body"})


def between_checkers(*rules: dict[str, Any], **top: Any) -> tuple[StrictAsgi, StrictAsgi]:
    """The outer and the inner checker, with the gate between them."""
    vendor = httpx.MockTransport(lambda request: httpx.Response(200, json=PASSES))
    inner = StrictAsgi(answering)
    gate = CaptchaGate(
        inner, policy_of(*(rules or [LOGIN, DENIED, SOCKET]), **top), http_client=httpx.AsyncClient(transport=vendor)
    )
    return StrictAsgi(gate, may_add=["captcha_gate"]), inner


def exchange(scope: dict[str, Any], *messages: dict[str, Any], **top: Any) -> list[dict[str, Any]]:
    """One exchange; what was sent. Both sides must have kept to the letter."""
    outer, inner = between_checkers(**top)
    peer, before = Peer(*messages), copy.deepcopy(scope)
    asyncio.run(outer(scope, peer.receive, peer.send))
    assert (outer.violations, inner.violations) == ([], [])
    assert {key: value for key, value in scope.items() if key != "captcha_gate"} == before
    return peer.sent


@pytest.mark.parametrize("method", ["POST", "HEAD", "GET"])
@pytest.mark.parametrize(("path", "status"), [("/login", 403), ("/closed", 403), ("/open", 200)])
def test_http_exchanges_are_to_the_letter(method, path, status):
    sent = exchange(http_scope(("content-type", JSON), method=method, path=path), *requests(b"{}"))
    assert sent[0]["status"] == (200 if path == "/login" and method != "POST" else status)


def test_a_refused_head_request_gets_the_headers_of_the_reply_and_no_body():
    head, get = (exchange(http_scope(method=method, path="/closed")) for method in ("HEAD", "GET"))
    assert head[0] == get[0]
    assert (head[1]["body"], head[1].get("more_body", False)) == (b"", False)
    assert dict(get[0]["headers"])[b"content-length"] == str(len(get[1]["body"])).encode()


@pytest.mark.parametrize("mode", ["enforce", "monitor"])
@pytest.mark.parametrize("name", [name for name, body in CORPUS.items() if len(body.data) < 3000])
def test_every_body_of_the_corpus_makes_an_exchange_to_the_letter(name, mode):
    body = CORPUS[name]
    scope = http_scope(("content-type", body.content_type), ("accept", "text/html"))
    sent = exchange(scope, *requests(*(list(cut(body.data, 500)) or [b""])), mode=mode)
    assert mode == "enforce" or sent[0]["status"] == 200


@pytest.mark.parametrize("accept", ["text/html", "application/json", "*/*", ""])
def test_every_form_of_a_refusal_is_to_the_letter(accept):
    sent = exchange(http_scope(("content-type", FORM), ("accept", accept)), *requests(FORM_BODY + b"&lot_number="))
    assert sent[0]["status"] == 403


def websocket_scope(*headers: tuple[str, str], path: str = "/ws") -> dict[str, Any]:
    scope = http_scope(*headers, path=path)
    del scope["method"]
    return {**scope, "type": "websocket", "scheme": "ws", "subprotocols": []}


def test_a_websocket_without_token_is_closed_before_it_is_accepted():
    [closed] = exchange(websocket_scope(), {"type": "websocket.connect"})
    assert (closed["type"], closed["reason"]) == ("websocket.close", "missing_token")


@pytest.mark.parametrize(("path", "headers"), [("/ws", HEADERS), ("/open", [])])
def test_a_websocket_with_a_token_or_without_a_rule_is_the_applications(path, headers):
    sent = exchange(websocket_scope(*headers, path=path), {"type": "websocket.connect"})
    assert [message["type"] for message in sent] == ["websocket.accept", "websocket.close"]


def test_lifespan_passes_through():
    sent = exchange(
        {"type": "lifespan", "asgi": {"version": "3.0"}}, {"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}
    )
    assert [message["type"] for message in sent] == ["lifespan.startup.complete", "lifespan.shutdown.complete"]


@pytest.mark.parametrize("kind", ["webtransport", "http2", "", "HTTP"])
def test_a_scope_of_an_unknown_type_is_refused_and_not_passed_on(kind):
    reached = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        reached.append(scope)

    gate = CaptchaGate(app, policy_of())
    with pytest.raises(UnsupportedScope):
        asyncio.run(gate({**http_scope(), "type": kind}, Peer().receive, Peer().send))
    assert reached == []


def test_the_application_gets_a_scope_of_its_own_where_a_rule_matched():
    scope, seen = http_scope(("content-type", JSON)), []

    async def app(inner: Any, receive: Any, send: Any) -> None:
        seen.append(inner)

    vendor = httpx.MockTransport(lambda request: httpx.Response(200, json=PASSES))
    gate = CaptchaGate(app, policy_of(), http_client=httpx.AsyncClient(transport=vendor))
    asyncio.run(gate(scope, Peer(*requests(JSON_BODY)).receive, Peer().send))
    assert "captcha_gate" not in scope
    assert {**seen[0], "captcha_gate": None} == {**scope, "captcha_gate": None}


START = {"type": "http.response.start", "status": 200, "headers": []}
END = {"type": "http.response.body", "body": b""}


@pytest.mark.parametrize(
    "messages",
    [
        [END],
        [START],
        [START, START],
        [START, END, END],
        [{**START, "status": "200"}, END],
        [{**START, "headers": [(b"Content-Type", b"text/plain")]}, END],
        [{**START, "headers": [("content-type", "text/plain")]}, END],
        [{**START, "headers": [(b"x", b"a\r\nb")]}, END],
        [START, {**END, "body": "text"}],
        [START, {**END, "extra": 1}],
        [{"type": "websocket.close"}],
    ],
    ids=str,
)
def test_the_checker_sees_what_breaks_the_letter(messages):
    async def app(scope: Any, receive: Any, send: Any) -> None:
        for message in messages:
            await send(message)

    with pytest.raises(AsgiViolation):
        asyncio.run(StrictAsgi(app)(http_scope(), Peer().receive, Peer().send))


def test_the_checker_sees_a_scope_that_was_changed():
    async def app(scope: Any, receive: Any, send: Any) -> None:
        scope["path"] = "/other"
        await send(START)
        await send(END)

    with pytest.raises(AsgiViolation):
        asyncio.run(StrictAsgi(app)(http_scope(), Peer().receive, Peer().send))
