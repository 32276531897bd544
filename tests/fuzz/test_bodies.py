"""Good bodies, damaged and cut at random: the application sees exactly what was sent, or nothing at all."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlencode

import httpx
from fuzz.budget import fuzzed
from fuzz.wire import Sent, ask_asgi, ask_wsgi
from hypothesis import given
from hypothesis import strategies as st
from support.body_corpus import FORM, JSON, MULTIPART, document, file_part, joined, part, token_parts
from support.token_flow import cut_at
from support.world import LOGIN, PASSES, TOKEN, World, answering, policy_of

ENFORCED = policy_of({**LOGIN, "token": {"max_body": "128KiB"}})
MONITORED = policy_of({**LOGIN, "token": {"max_body": "128KiB"}}, mode="monitor")
NOISE = bytes(range(256)) * 300  # more than is kept in memory
REFUSALS = (400, 403, 413, 415)

BODIES = st.sampled_from(
    [
        (FORM, urlencode(TOKEN).encode()),
        (FORM, urlencode({**TOKEN, "note": "é " * 9000}).encode()),
        (JSON, document()),
        (JSON, document(user={"name": "日本", "tags": [1, None, "x"]})),
        ("application/vnd.api+json; charset=utf-8", document(note="x" * 70_000)),
        (MULTIPART, joined(*token_parts())),
        (MULTIPART, joined(part("note", "a\r\nb"), *token_parts(), file_part(value=NOISE))),
        (MULTIPART, joined(file_part(value=NOISE), *token_parts())),
        ("text/plain", document()),
    ]
)
DAMAGE = st.sampled_from(
    [b"", b"\0", b"\r", b"\n", b"\r\n", b"--XX", b"--XX--", b"&", b"=", b"%", b"%zz", b'"', b"\\", b"\\ud800", b"{",
    b"}",
     b"[" * 200, b"lot_number=x", b'"lot_number":1,', b"\xff", b"\xef\xbb\xbf", b"9" * 5000,
     b"Content-Disposition: form-data"]
)  # fmt: skip


@st.composite
def damaged(draw: st.DrawFn, body: bytes) -> bytes:
    """The body as it is, or with bytes changed, cut out, doubled or put in."""
    for _ in range(draw(st.integers(0, 3))):
        start = draw(st.integers(0, len(body)))
        end = min(len(body), start + draw(st.integers(0, 40)))
        middle = draw(
            st.one_of(DAMAGE, st.binary(min_size=end - start, max_size=end - start), st.just(body[start:end] * 2))
        )
        body = body[:start] + middle + body[end:]
    return body[: draw(st.integers(0, len(body)))] if draw(st.integers(0, 4)) == 0 else body


@st.composite
def uploads(draw: st.DrawFn) -> Sent:
    """A body, damaged perhaps, in pieces of any sizes, under its own type or another body's."""
    content_type, body = draw(BODIES)
    if draw(st.integers(0, 9)) == 0:
        content_type = draw(BODIES)[0]
    body = draw(damaged(body))
    places = draw(st.sets(st.integers(1, max(1, len(body))), max_size=12))
    chunks = cut_at(body, places)
    return Sent(headers=[("content-type", content_type)], chunks=chunks, announced=draw(st.booleans()))


def visit(kind: str, policy: Any, sent: Sent) -> tuple[World, int]:
    """Send a request through a new gate."""
    here = World(kind, policy, answering(PASSES))
    return here, (ask_asgi if kind == "asgi" else ask_wsgi)(here.gate, sent)


@fuzzed
@given(sent=uploads())
def test_what_an_application_sees_is_verified_and_what_was_sent(kind, sent):
    here, status = visit(kind, ENFORCED, sent)
    assert [(seen.body, seen.decision.verified) for seen in here.seen] == [(b"".join(sent.chunks), True)] * (
        status == 200
    )
    assert len(here.asked) == len(here.seen)
    assert status == 200 or status in REFUSALS
    assert {decision.outcome.value for decision in here.decisions} <= {"passed", "missing", "failed", "unreadable"}


@fuzzed
@given(sent=uploads())
def test_a_monitored_application_gets_every_byte_of_anything(kind, sent):
    here, status = visit(kind, MONITORED, sent)
    assert status == 200
    assert [seen.body for seen in here.seen] == [b"".join(sent.chunks)]


@fuzzed
@given(sent=uploads())
def test_both_worlds_come_to_the_same_decision(sent):
    conclusions = []
    for kind in ("wsgi", "asgi"):
        here, status = visit(kind, ENFORCED, sent)
        [decision] = here.decisions
        asked = [sorted(httpx.QueryParams(request.content.decode()).multi_items()) for request in here.asked]
        conclusions.append((status, decision.outcome, decision.reason, asked))
    assert conclusions[0] == conclusions[1]


@fuzzed
@given(body=st.binary(max_size=300), content_type=st.sampled_from([FORM, JSON, MULTIPART]), announced=st.booleans())
def test_no_noise_passes(kind, body, content_type, announced):
    sent = Sent(headers=[("content-type", content_type)], chunks=[body] if body else [], announced=announced)
    here, status = visit(kind, ENFORCED, sent)
    assert status in REFUSALS
    assert (here.seen, here.asked) == ([], [])
    json.dumps([decision.as_dict() for decision in here.decisions])
