"""A request whose length is told twice, or is no number, is refused before anything of it is believed."""

from __future__ import annotations

import pytest
from support.token_flow import search, view_of
from support.world import LOGIN, TOKEN, policy_of

BOTH = {"Content-Length": "5", "Transfer-Encoding": "chunked", "Content-Type": "text/plain"}
IN_HEADERS = {"X-Captcha-" + name.replace("_", "-"): value for name, value in TOKEN.items()}


def test_it_is_malformed_wherever_the_token_stands(world):
    here = world(policy_of({**LOGIN, "token": {"from": ["header", "query", "form"]}}))
    for response in (
        here.post(headers=BOTH, content=b"hello"),
        here.post(headers={**BOTH, **IN_HEADERS}, content=b"hello"),
        here.post("/login", params=TOKEN, headers=BOTH, content=b"hello"),
    ):
        assert (response.status_code, response.json()["code"]) == (400, "body_malformed")
    assert (here.seen, here.asked) == ([], [])


def test_it_is_no_preflight(world):
    here = world(policy_of({"name": "all", "match": {"path": "/login", "methods": "any"}}))
    asking = {"Origin": "https://example.com", "Access-Control-Request-Method": "POST"}
    assert here.request("OPTIONS", "/login", headers=asking).status_code == 200
    assert here.request("OPTIONS", "/login", headers={**asking, **BOTH, "Content-Length": "0"}).status_code == 400


def test_where_nothing_is_verified_it_is_the_applications(world):
    here = world()
    assert here.post("/about", headers=BOTH, content=b"hello").status_code == 200
    here = world(policy_of(mode="monitor"))
    assert here.post(headers=BOTH, content=b"hello").status_code == 200
    assert here.seen[0].decision.reason == "body_malformed"


@pytest.mark.parametrize("encoding", ["chunked", "identity", "xchunked", "", "gzip, chunked"])
def test_the_encodings_name_does_not_matter(encoding):
    view = view_of(("content-length", "2"), ("transfer-encoding", encoding), ("content-type", "application/json"))
    found = search(view, [b"{}"])
    assert (found.outcome, found.asked) == ("body_malformed", 0)


@pytest.mark.parametrize("only", [("content-length", "2"), ("transfer-encoding", "chunked")])
def test_either_alone_is_fine(only):
    assert search(view_of(only, ("content-type", "application/json")), [b"{}"]).outcome == "missing"


@pytest.mark.parametrize("length", ["-1", "+28", "2_8", "28, 28", "0x1c", "٢", "9" * 19])
@pytest.mark.parametrize("token", [[], list(IN_HEADERS.items())], ids=["no token", "a token in the headers"])
def test_a_length_that_is_no_number_is_refused_wherever_the_token_stands(length, token):
    view = view_of(("content-length", length), ("content-type", "text/plain"), *token)
    found = search(view, [b"x" * 28])
    assert (found.outcome, found.asked) == ("body_malformed", 0)


def test_two_lengths_are_refused_though_they_agree():
    found = search(view_of(("content-length", "2"), ("content-length", "2"), *IN_HEADERS.items()), [b"{}"])
    assert (found.outcome, found.asked) == ("body_malformed", 0)


@pytest.mark.parametrize("length", ["28", " 28", "028"])
def test_a_number_is_one(length):
    assert search(view_of(("content-length", length), *IN_HEADERS.items()), [b"x" * 28]).token is not None
