"""A form for a vendor is, byte for byte, what httpx would make of the same fields."""

from __future__ import annotations

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from captcha_gate.providers.asking import form

URL = httpx.URL("https://vendor.example:8443/verify", params={"id": "a b"})
PLAIN = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


def sent(request):
    """What a client sends for a request, and how."""
    came = []

    def answer(one):
        came.append(one)
        return httpx.Response(200)

    with httpx.Client(transport=httpx.MockTransport(answer)) as client:
        client.send(request)
    return [(one.method, one.url, one.headers.raw, one.read()) for one in came]


@given(st.dictionaries(PLAIN, PLAIN, min_size=1, max_size=5))
def test_a_form_is_what_httpx_makes(fields):
    ours, theirs = form(URL, fields), httpx.Request("POST", URL, data=fields)
    assert (ours.method, ours.url, ours.content) == (theirs.method, theirs.url, theirs.content)
    assert ours.headers.raw == theirs.headers.raw


@pytest.mark.parametrize("headers", [{}, {"X-Secret": "s", "X-Site": "t"}])
def test_headers_stand_where_httpx_puts_them(headers):
    theirs = httpx.Request("POST", URL, headers=headers, data={"a": "b"})
    assert form(URL, {"a": "b"}, headers).headers.raw == theirs.headers.raw


def test_a_form_without_fields_has_a_length_all_the_same():
    assert form(URL, {}).headers["Content-Length"] == "0"


def test_a_client_sends_it_as_it_sends_its_own():
    fields, headers = {"a": "b c", "d": "é=&"}, {"X-Secret": "s"}
    theirs = httpx.Request("POST", URL, headers=headers, data=fields)
    assert sent(form(URL, fields, headers)) == sent(theirs)
    assert len(sent(theirs)) == 1
