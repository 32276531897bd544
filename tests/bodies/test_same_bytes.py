"""Whatever the gate read, and whatever it thought of it, the application sees the bytes that were sent."""

from __future__ import annotations

import asyncio
import hashlib
import json
from io import BytesIO
from typing import Any
from urllib.parse import urlencode

import pytest
from support.asgi_checker import Peer, http_scope, requests
from support.body_corpus import CORPUS, FORM, JSON, MULTIPART, Body, document, file_part, joined, token_parts
from support.token_flow import cut
from support.world import LOGIN, TOKEN, policy_of

MIB = 1024 * 1024
NOISE = hashlib.shake_256(b"a photo").digest(300_000)

LARGE = {
    "a form of 300 KB": Body(FORM, urlencode({**TOKEN, "note": "é\r\n" * 40_000}).encode(), "token"),
    "JSON of 300 KB": Body(JSON, document(note="日本" * 25_000), "token"),
    "broken JSON of 300 KB": Body(JSON, document(note="x" * 300_000)[:-1], "body_malformed"),
    "JSON without token of 300 KB": Body(JSON, json.dumps({"note": "x" * 300_000}).encode(), "missing"),
    "an upload behind the token": Body(MULTIPART, joined(*token_parts(), file_part(value=NOISE)), "token"),
    "an upload before the token": Body(MULTIPART, joined(file_part(value=NOISE), *token_parts()), "token"),
    "an upload between two": Body(MULTIPART, joined(file_part(value=NOISE), *token_parts(), file_part()), "token"),
    "an upload above the limit": Body(MULTIPART, joined(file_part(value=NOISE * 5), *token_parts()), "body_too_large"),
    "a form above the limit": Body(FORM, b"a=" + NOISE.hex().encode() * 2, "body_too_large"),
    "exactly what is kept in memory": Body(JSON, document(x="").ljust(64 * 1024), "token"),
    "one byte more than is kept in memory": Body(JSON, document(x="").ljust(64 * 1024 + 1), "token"),
    "octets": Body("application/octet-stream", NOISE, "missing"),
}
ALL = {**CORPUS, **LARGE}
REASONS = {"token": {"ok", "malformed_token"}, "missing": {"missing_token"}, "repeated": {"malformed_token"}}
MONITORED = policy_of(mode="monitor")
ANNOTATED = policy_of({**LOGIN, "on_fail": "annotate"})


@pytest.mark.parametrize("size", [1000, None])
@pytest.mark.parametrize("name", ALL)
def test_a_monitored_application_sees_every_body_as_it_was_sent(world, kind, name, size):
    body = ALL[name]
    here = world(MONITORED)
    response = send(here, body, size)
    [seen] = here.seen
    assert response == 200
    assert hashlib.sha256(seen.body).digest() == hashlib.sha256(body.data).digest()
    assert seen.decision.reason in REASONS.get(body.outcome, {body.outcome})


@pytest.mark.parametrize("name", [name for name, body in ALL.items() if body.outcome in ("token", "repeated")])
def test_an_application_that_decides_itself_sees_every_body_as_it_was_sent(world, name):
    body = ALL[name]
    here = world(ANNOTATED)
    assert send(here, body, 4096) == 200
    assert here.seen[0].body == body.data


@pytest.mark.parametrize("name", [name for name, body in ALL.items() if len(body.data) < 20_000])
def test_an_enforcing_gate_answers_every_body_by_its_table_and_never_with_an_error_of_its_own(world, name):
    body = ALL[name]
    here = world()
    status = send(here, body, 100)
    [decision] = here.decisions
    assert decision.reason in REASONS.get(body.outcome, {body.outcome})
    assert status == {"ok": 200, "body_malformed": 400, "body_too_large": 413}.get(decision.reason, 403)
    assert [seen.body for seen in here.seen] == [body.data] * (status == 200)
    assert len(here.asked) == (status == 200)


def send(here: Any, body: Body, size: int | None) -> int:
    """Send a body through the gate, in pieces of so many bytes where the server has pieces; the reply's status."""
    if here.kind == "asgi":
        headers = [("content-type", body.content_type)] if body.content_type else []
        peer = Peer(*requests(*(list(cut(body.data, size)) or [b""])))
        asyncio.run(here.gate(http_scope(*headers), peer.receive, peer.send))
        return peer.status
    environ = {
        "REQUEST_METHOD": "POST",
        "PATH_INFO": "/login",
        "CONTENT_TYPE": body.content_type,
        "CONTENT_LENGTH": str(len(body.data)),
        "wsgi.input": BytesIO(body.data + b"the next request"),
    }
    statuses: list[str] = []
    answer = here.gate(environ, lambda status, headers: statuses.append(status))
    b"".join(answer)
    if hasattr(answer, "close"):
        answer.close()
    return int(statuses[0].split()[0])
