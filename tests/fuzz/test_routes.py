"""No target, method or override gets a handler to run that nobody has verified, whatever framework stands behind."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from functools import cache
from typing import Any

import httpx
import pytest
from fuzz.budget import fuzzed
from fuzz.frameworks import ASGI, RAN, ROUTES, WSGI, AsgiOverride, WsgiOverride
from fuzz.wire import Sent, ask_asgi, ask_wsgi
from hypothesis import example, given
from hypothesis import strategies as st
from policy.disguises import disguised
from support.world import policy_of

from captcha_gate.asgi import CaptchaGate as AsgiGate
from captcha_gate.wsgi import CaptchaGate as WsgiGate

NAMES = [*ASGI, *WSGI]
POLICY = policy_of(
    {"name": "login", "match": "/login"},
    {"name": "comments", "match": "/posts/{id}/comments"},
    {"name": "shop", "match": "/shop/**"},
)

METHODS = ["POST", "post", "pOsT", "PUT", "PATCH", "DELETE", "GET", "HEAD", "OPTIONS", "TRACE", "QUERY", "FOO", "POST "]
OVERRIDE_NAMES = ["X-HTTP-Method-Override", "x-http-method", "X_Method_Override", "X-METHOD-OVERRIDE", "X_HTTP_METHOD"]
#: Headers that have got requests past other gates.
ORIGINALS = ["X-Original-URI", "X-Original-URL", "X-Forwarded-Uri", "X-Rewrite-URL", "X-Forwarded-Prefix", "Referer"]
TRUST = ["X-Captcha-Gate", "Captcha-Gate", "captcha_gate", "X-Middleware-Subrequest", "X-Forwarded-For", "Connection"]
JUNK = st.sampled_from(
    ["%0a", "%0d", "%00", "%09", "%7f", "%ff", "%c0%af", "%u006c", "%", "%g", " ", "%20", "#", "?", ";", "/", "\\",
    "..",
     "%2f", "%5c", "http://evil", "//evil", "x:", "%EF%BF%BD", "%e2%80%a8", "*", "@", "login", "/login", "shop",
     "_method=POST"]
)  # fmt: skip


@st.composite
def targets(draw: st.DrawFn) -> str:
    """A route in disguise, with junk put in at some places."""
    target = draw(st.one_of(disguised(ROUTES).map(lambda pair: pair[1]), st.sampled_from(sorted(ROUTES))))
    for junk in draw(st.lists(JUNK, max_size=2)):
        place = draw(st.one_of(st.just(0), st.just(len(target)), st.integers(0, len(target))))
        target = target[:place] + junk + target[place:]
    return target + draw(st.sampled_from(["", "", "?_method=POST", "?x=/about", "?_method=GET&%5Fmethod=post", "?"]))


OVERRIDES = st.tuples(st.sampled_from(OVERRIDE_NAMES), st.sampled_from(["POST", "post", "GET", "GET, POST", " POST "]))
MISLEADING = st.tuples(st.sampled_from(ORIGINALS + TRUST), st.sampled_from(["/about", "verified", "true", "127.0.0.1"]))
PREFLIGHT = st.sampled_from([("Origin", "https://example.com"), ("Access-Control-Request-Method", "POST")])
REQUESTS = st.builds(
    Sent,
    method=st.sampled_from(METHODS),
    target=targets(),
    headers=st.lists(st.one_of(OVERRIDES, MISLEADING, PREFLIGHT), max_size=3),
    mount=st.sampled_from(["", "", "", "/v1", "/shop", "/log"]),
    tells=st.booleans(),
    prefixes=st.booleans(),
)


@cache
def bare(name: str) -> Any:
    """An application with nobody in front of it."""
    return AsgiOverride(ASGI[name]()) if name in ASGI else WsgiOverride(WSGI[name]())


@cache
def gated(name: str) -> Any:
    """The same behind a gate whose vendor must never be asked."""
    transport = httpx.MockTransport(_nobody_asks)
    if name in ASGI:
        return AsgiGate(bare(name), POLICY, http_client=httpx.AsyncClient(transport=transport))
    return WsgiGate(bare(name), POLICY, http_client=httpx.Client(transport=transport))


def _nobody_asks(request: httpx.Request) -> httpx.Response:
    raise AssertionError("a request without token asked the vendor")


def ask(app: Any, name: str, sent: Sent) -> int:
    return ask_asgi(app, sent) if name in ASGI else ask_wsgi(app, sent)


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    """Frameworks log what they do not find."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


@pytest.mark.parametrize("name", NAMES)
def test_the_handlers_are_reached_when_nobody_is_in_front_of_them(name):
    for target, handler in ROUTES.items():
        for sent in (Sent(target=target), Sent("GET", target, [("X-HTTP-Method-Override", "POST")])):
            RAN.clear()
            ask(bare(name), name, sent)
            assert [handler] == RAN


@pytest.mark.parametrize(
    ("name", "target"),
    [
        ("starlette", "/login%0a"),
        ("fastapi", "/login%0a"),
        ("pyramid", "/login%0a"),
        ("flask", "//login"),
        ("flask", "x/login"),  # by the dispatcher that mounts the shop
        ("quart", "//login"),
        ("quart", "http://evil/login"),
        ("falcon-asgi", "//login"),
        ("litestar", "/login//"),
        ("bottle", "/lo%ffgin"),
    ],
)
def test_a_gate_that_compared_paths_would_be_passed(name, target):
    """What the fuzzing looks for is there to be found."""
    RAN.clear()
    ask(bare(name), name, Sent(target=target))
    assert RAN == ["login"]
    RAN.clear()
    assert ask(gated(name), name, Sent(target=target)) in (400, 403)
    assert RAN == []


@pytest.mark.parametrize("name", NAMES)
@fuzzed
@given(sent=REQUESTS)
@example(sent=Sent(target="/login%0a"))
@example(sent=Sent("GET", "/login", [("X_HTTP_Method-Override", "GET"), ("X-Method-Override", "POST")]))
@example(sent=Sent("OPTIONS", "/login", [("Origin", "x"), ("Access-Control-Request-Method", "POST")]))
def test_no_request_without_token_runs_a_handler(name, sent):
    RAN.clear()
    ask(gated(name), name, sent)
    assert RAN == []
