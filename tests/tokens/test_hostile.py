"""Arbitrary bytes under any content type: only named refusals, and no token that a plain decoder would not find."""

from __future__ import annotations

import json
from io import BytesIO
from typing import Any
from urllib.parse import parse_qs

from hypothesis import example, given
from hypothesis import strategies as st
from support.body_corpus import CORPUS, FORM, JSON, MULTIPART, joined, part, token_parts
from support.token_flow import CN, GEETEST_FIELDS, Search, cut_at, search, view_of
from support.world import TOKEN
from werkzeug.formparser import MultiPartParser

from captcha_gate.tokens.fields import Wanted
from captcha_gate.tokens.multipart_body import boundary_of

DOTTED = Wanted.by("cn", GEETEST_FIELDS, {"lot_number": "captcha.lot"}, sole_single=True)
TYPES = st.sampled_from([FORM, JSON, MULTIPART, "application/problem+json", 'multipart/form-data; boundary="X X"', ""])

#: What bodies are made of, right and wrong.
PIECES = st.sampled_from(
    [
        *[f"{name}={value}".encode() for name, value in TOKEN.items()],
        *[f'"{name}":"{value}"'.encode() for name, value in TOKEN.items()],
        *[b"--XX\r\n" + each + b"\r\n" for each in token_parts()],
        *[f'form-data; name="{name}"'.encode() for name in TOKEN],
        b'"captcha":', b'"lot":"x"', b"&", b";", b"=", b"%", b"%00", b"{", b"}", b"[", b"]", b",", b":", b'"', b"\\",
        b"\\u006cot_number", b"\r\n", b"\n", b"\r", b"--XX", b"--XX--", b"--", b"\r\n\r\n", b"Content-Disposition: ",
        b'; filename="x"', b"Content-Transfer-Encoding: base64", b"\xef\xbb\xbf", b"\xff", b"\0", b"1", b"null", b" ",
    ]
)  # fmt: skip


@st.composite
def bent(draw: st.DrawFn) -> tuple[str, bytes]:
    """A body of the corpus with something cut out, doubled or put in."""
    body = CORPUS[draw(st.sampled_from(sorted(name for name in CORPUS if len(CORPUS[name].data) < 3000)))]
    data = body.data
    for _ in range(draw(st.integers(1, 3))):
        start, end = sorted(draw(st.tuples(*[st.integers(0, len(data))] * 2)))
        middle = draw(st.one_of(st.just(b""), PIECES, st.just(data[start:end] * 2), st.binary(max_size=4)))
        data = data[:start] + middle + data[end:]
    return body.content_type, data


MADE = st.tuples(TYPES, st.one_of(st.binary(max_size=200), st.lists(PIECES, max_size=25).map(b"".join)))


def plainly(content_type: str, body: bytes, name: str) -> list[Any]:
    """The values of a field as an ordinary decoder of that type finds them."""
    if content_type.lower().startswith("multipart"):
        boundary = (boundary_of(content_type) or "").encode()
        in_memory = MultiPartParser(stream_factory=lambda **_: BytesIO(), max_form_parts=None)
        form, _ = in_memory.parse(BytesIO(body), boundary, len(body))
        return form.getlist(name)
    if "json" in content_type.lower():
        node = json.loads(body.decode("utf-8-sig"))
        for step in name.split("."):
            node = node[step]
        return [str(node)]
    values = parse_qs(body.decode("latin-1"), keep_blank_values=True, encoding="latin-1")[name]
    return [value.encode("latin-1") for value in values]


def _check(found: Search, content_type: str, body: bytes, wanted: Wanted) -> None:
    if found.token is not None:
        for field, value in found.token.fields.items():
            values = plainly(content_type, body, wanted.names[field])
            plain = [each.decode("utf-8", "replace") if isinstance(each, bytes) else each for each in values]
            assert plain == [value]


@given(st.one_of(MADE, bent()), st.sampled_from([CN, DOTTED]), st.sets(st.integers(1, 300), max_size=5))
@example((MULTIPART, joined(*token_parts())), CN, set())
@example((MULTIPART, b"--XX\r\n" + part("lot_number", joined(*token_parts()))), CN, set())
def test_no_body_raises_anything_unnamed_or_holds_a_token_that_a_plain_decoder_does_not_see(made, wanted, places):
    content_type, body = made
    view = view_of(("content-type", content_type))
    found = search(view, cut_at(body, places), wanted=[wanted])
    assert found.conclusion == search(view, [body] if body else [], wanted=[wanted]).conclusion
    assert found.outcome in {"token", "missing", "repeated", "body_malformed", "body_too_large"}
    _check(found, content_type, body, wanted)


@given(content_type=st.text(max_size=60), parameter=st.text(max_size=20), body=st.binary(max_size=60))
@example(content_type="multipart/form-data", parameter="\u0130", body=b"--x")
def test_no_content_type_raises_anything_unnamed(content_type, parameter, body):
    for header in (content_type, f"multipart/form-data; boundary={parameter}", f"{JSON}; charset={parameter}"):
        assert search(view_of(("content-type", header)), [body] if body else []).outcome
