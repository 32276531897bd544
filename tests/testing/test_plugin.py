"""The fixture `captcha` says what every CAPTCHA turns out to be, and nothing else: the rules stay what they are."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, make_server

import httpx
import pytest
from flask import Flask
from flask import request as flask_request
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route
from support.world import ALTCHA, GEETEST, LOGIN, TOKEN, World, policy_of

from captcha_gate import Decision, Outcome, Policy, Reason, decision_of
from captcha_gate.asgi import CaptchaGate as AsgiGate
from captcha_gate.outcome import REASONS
from captcha_gate.testing import Captcha
from captcha_gate.testing.captcha import ruling
from captcha_gate.wsgi import CaptchaGate as WsgiGate

FAKE = {"type": "fake"}  # reports all that a rule can demand
SCORED = {**LOGIN, "score": {"min": 0.5}}
DEMANDING = {
    **SCORED,
    "bind": {"action": "login", "hostnames": ["*.example.com"], "cdata": "a session"},
    "max_age": "1m",
}
OPENS = {**LOGIN, "on_unavailable": "allow"}


def nobody(request: httpx.Request) -> httpx.Response:
    raise AssertionError(f"{request.url.host} was asked")


def reporting(*rules: Any, **top: Any) -> Policy:
    return policy_of(*rules, providers={"robot": FAKE}, allow_test_keys=True, **top)


@pytest.fixture
def decided(world: Callable[..., World], captcha: Captcha) -> Callable[..., Decision]:
    """The decision on a POST to /login without a token: `decided(*rules, **top of the policy)`."""

    def post(*rules: Any, **top: Any) -> Decision:
        policy = policy_of(*rules, **top) if top else reporting(*rules)
        world(policy, nobody).post()
        return captcha.decisions[-1]

    return post


# What is told


def test_without_a_word_every_captcha_passes_without_a_token(world, captcha):
    gate = world(policy_of(), nobody)
    assert gate.post(data={"user": "ada"}).status_code == 200
    [seen] = gate.seen
    assert (seen.decision.verified, seen.decision.outcome, seen.decision.reason) == (True, "passed", "ok")
    assert (seen.decision.rule, seen.decision.provider, seen.decision.score) == ("login", "cn", None)
    assert seen.body == b"user=ada"


def test_a_token_that_is_sent_is_not_read(world, captcha):
    gate = world(policy_of(), nobody)
    assert [gate.post(data=TOKEN).status_code for _ in range(2)] == [200, 200]


def test_a_pass_meets_whatever_a_rule_demands(decided):
    decision = decided(DEMANDING)
    assert (decision.reason, decision.score, decision.action) == (Reason.OK, 1.0, "login")
    assert decision.hostname == "www.example.com"


@pytest.mark.parametrize(
    ("told", "reason"),
    [
        ({"score": 0.5}, "ok"),
        ({"score": 0.2}, "low_score"),
        ({"score": None}, "missing_score"),
        ({"action": "signup"}, "action_mismatch"),
        ({"action": None}, "action_mismatch"),
        ({"hostname": "a.example.com"}, "ok"),
        ({"hostname": "example.org"}, "hostname_mismatch"),
        ({"cdata": "another session"}, "cdata_mismatch"),
        ({"issued_at": datetime.now(UTC) - timedelta(hours=1)}, "too_old"),
    ],
)
def test_what_a_test_gives_itself_is_judged_by_the_rule(decided, captcha, told, reason):
    captcha.passes(**told)
    assert decided(DEMANDING).reason == reason


def test_the_application_sees_what_the_provider_is_said_to_report(decided, captcha):
    captcha.passes(score=0.9, raw_score=9.0, provider_reason="fine", detail={"used_type": "slide"})
    decision = decided()
    assert (decision.score, decision.raw_score, decision.provider_reason) == (0.9, 9.0, "fine")
    assert decision.detail == {"used_type": "slide"}


@pytest.mark.parametrize("reason", REASONS[Outcome.FAILED])
def test_a_captcha_fails_for_each_reason_there_is(decided, captcha, reason):
    captcha.fails(reason)
    decision = decided()
    assert (decision.outcome, decision.reason, decision.allowed) == (Outcome.FAILED, reason, False)


def test_the_usual_words_need_no_reason(decided, captcha):
    words = [captcha.fails, captcha.unavailable, captcha.misconfigured, captcha.missing]
    reasons = []
    for word in words:
        word()
        reasons.append(decided().reason)
    assert reasons == ["invalid_token", "timeout", "bad_credentials", "missing_token"]


def test_each_word_has_its_status(world, captcha):
    gate = world(policy_of(), nobody)
    words = [captcha.fails, captcha.unavailable, captcha.misconfigured, captcha.missing, captcha.passes]
    statuses = []
    for word in words:
        word()
        statuses.append(gate.post().status_code)
    assert statuses == [403, 503, 503, 403, 200]


def test_a_client_without_a_token_is_told_what_is_missing(world, captcha):
    gate = world(policy_of(), nobody)
    with captcha.missing():
        told = gate.post()
    assert gate.seen == []
    assert told.json()["code"] == "missing_token"
    assert told.json()["fields"] == list(TOKEN)


@pytest.mark.parametrize("word", ["fails", "unavailable", "misconfigured"])
def test_a_reason_that_does_not_exist_is_an_error_that_lists_those_that_do(captcha, word):
    with pytest.raises(ValueError, match=r"^'typo' is no reason of \w+ \(there are: \w+, \w+, \w+"):
        getattr(captcha, word)("typo")


@pytest.mark.parametrize("word", ["fails", "unavailable", "misconfigured"])
def test_a_reason_of_another_outcome_is_an_error(captcha, word):
    with pytest.raises(ValueError, match="'ok' is no reason"):
        getattr(captcha, word)("ok")


def test_what_no_provider_reports_is_an_error(captcha):
    with pytest.raises(TypeError, match="scor"):
        captcha.passes(scor=0.9)


@pytest.mark.parametrize("told", [{"score": 70}, {"score": -0.1}, {"issued_at": datetime(2026, 1, 1)}])  # noqa: DTZ001
def test_what_cannot_be_reported_is_an_error(captcha, told):
    with pytest.raises(ValueError, match=r"a score is between|issued_at needs"):
        captcha.passes(**told)


def test_a_word_that_is_an_error_changes_nothing(decided, captcha):
    captcha.fails("expired")
    with pytest.raises(ValueError, match="typo"):
        captcha.fails("typo")
    assert decided().reason == "expired"


def test_in_a_with_statement_a_word_stands_until_its_end(decided, captcha):
    captcha.fails("expired")
    with captcha.unavailable("network"):
        with captcha.passes():
            assert decided().reason == "ok"
        assert decided().reason == "network"
    assert decided().reason == "expired"


def test_a_with_statement_that_ends_in_an_exception_ends_its_word_too(decided, captcha):
    with pytest.raises(KeyError), captcha.fails():
        raise KeyError
    assert decided().reason == "ok"


# Outages


@pytest.mark.parametrize("reason", ["timeout", "network", "provider_error", "bad_reply", "overloaded"])
def test_an_outage_opens_the_rules_that_open_and_no_others(decided, captcha, reason):
    captcha.unavailable(reason)
    assert decided(OPENS, providers={"cn": GEETEST}).opened
    assert not decided(LOGIN, providers={"cn": GEETEST}).allowed


@pytest.mark.parametrize("reason", ["timeout", "offline"])
@pytest.mark.parametrize(
    "account",
    [
        FAKE,
        {"type": "geetest-v3", "captcha_id": "an-id", "private_key": "a-secret-key"},
        {"type": "vaptcha", "vid": "an-id", "key": "a-secret-key", "allowed_servers": ["0.vaptcha.com"]},
    ],
    ids=lambda account: account["type"],
)
def test_whichever_vendor_is_asked_it_can_be_down(decided, captcha, account, reason):
    captcha.unavailable(reason)
    assert decided(OPENS, providers={"one": account}, allow_test_keys=True).opened


@pytest.mark.parametrize("reason", ["throttled", "store_error"])
def test_what_is_no_outage_opens_nothing(decided, captcha, reason):
    captcha.unavailable(reason)
    decision = decided(OPENS, providers={"cn": GEETEST})
    assert (decision.outcome, decision.reason, decision.allowed) == (Outcome.UNAVAILABLE, reason, False)


def test_a_provider_that_asks_nobody_has_nobody_to_be_down(decided, captcha):
    captcha.unavailable()
    assert not decided(OPENS, providers={"pow": ALTCHA}).allowed


def test_the_rate_of_opened_requests_is_real_and_begins_anew_in_each_test(world):
    gate = world(policy_of({**LOGIN, "on_unavailable": {"allow": "2/h"}}), nobody)
    for _ in range(2):
        with ruling() as captcha:
            captcha.unavailable()
            assert [gate.post().status_code for _ in range(3)] == [200, 200, 503]


# Rules stay real


@pytest.mark.parametrize(
    ("rule", "outcome", "status"),
    [
        ({**LOGIN, "action": "allow"}, "exempt", 200),
        ({**LOGIN, "action": "deny"}, "denied", 403),
        ({**LOGIN, "mode": "disabled"}, "exempt", 200),
        ({**LOGIN, "mode": "monitor"}, "failed", 200),
        ({**LOGIN, "on_fail": "annotate"}, "failed", 200),
        (LOGIN, "failed", 403),
    ],
    ids=["allow", "deny", "disabled", "monitor", "annotate", "verify"],
)
def test_a_rule_does_with_a_failure_what_it_says(world, captcha, rule, outcome, status):
    captcha.fails()
    assert world(policy_of(rule), nobody).post().status_code == status
    assert [decision.outcome for decision in captcha.decisions] == [outcome]


def test_a_low_score_is_annotated_where_the_rule_says_so(decided, captcha):
    captcha.passes(score=0.1)
    decision = decided({**LOGIN, "score": {"min": 0.5, "below": "annotate"}})
    assert (decision.allowed, decision.verified, decision.score) == (True, False, 0.1)


def test_what_no_rule_concerns_is_not_decided(world, captcha):
    captcha.fails()
    gate = world(policy_of(), nobody)
    assert (gate.post("/about").status_code, gate.request("GET", "/login").status_code) == (200, 200)
    assert captcha.decisions == []


def test_the_default_action_still_denies(world, captcha):
    assert world(policy_of(default_action="deny"), nobody).post("/about").status_code == 403


def test_a_path_that_cannot_be_read_is_still_refused(world, captcha):
    assert world(policy_of(), nobody).post("/login%00").status_code == 400


def test_decisions_are_listed_in_order_and_reported_as_ever(world, captcha):
    gate = world(policy_of(LOGIN, {"name": "signup", "match": "/signup"}), nobody)
    gate.post("/signup")
    captcha.fails()
    gate.post("/login")
    assert [(decision.rule, decision.outcome) for decision in captcha.decisions] == [
        ("signup", "passed"),
        ("login", "failed"),
    ]
    assert gate.decisions == captcha.decisions


def test_the_first_provider_of_a_rule_is_the_one_that_counts(decided):
    both = {"cn": GEETEST, "pow": ALTCHA}
    assert decided({**LOGIN, "providers": ["pow", "cn"]}, providers=both).provider == "pow"


def test_an_inner_gate_is_ruled_too(kind, captcha):
    inner = World(kind, policy_of(), nobody)
    outer = World(kind, policy_of(), nobody)
    outer.gate.app = inner.gate
    assert outer.post().status_code == 200
    captcha.fails()
    assert outer.post().status_code == 403
    assert [decision.outcome for decision in captcha.decisions] == ["passed", "passed", "failed"]


# No network, and nothing left over


def test_a_challenge_of_ones_own_is_still_issued(world, captcha):
    gate = world(policy_of(providers={"pow": ALTCHA}), nobody)
    assert "signature" in gate.request("GET", "/captcha-gate/pow/challenge").json()


def test_a_vendors_challenge_asks_nobody(world, captcha):
    old = {"type": "geetest-v3", "captcha_id": "an-id", "private_key": "a-secret-key"}
    gate = world(policy_of(providers={"old": old}), nobody)
    gate.request("GET", "/captcha-gate/old/challenge")
    assert gate.asked == []


def test_a_gate_that_was_there_before_is_real_before_and_after(world):
    gate = world()
    assert gate.post().status_code == 403
    with ruling() as captcha:
        assert gate.post().status_code == 200
    assert gate.post().status_code == 403
    assert len(captcha.decisions) == 1
    assert len(gate.asked) == 0
    assert gate.post(data=TOKEN).status_code == 200
    assert len(gate.asked) == 1


def test_nothing_was_claimed(world):
    gate = world()
    with ruling():
        gate.post(data=TOKEN)
    assert gate.post(data=TOKEN).status_code == 200


# As applications are tested


@pytest.mark.filterwarnings("ignore:Using `httpx` with")
def test_through_a_test_client_of_starlette(captcha):
    from starlette.testclient import TestClient

    async def login(request: Request) -> JSONResponse:
        return JSONResponse({"verified": decision_of(request).verified})

    gate = Middleware(AsgiGate, policy=policy_of())
    app = Starlette(routes=[Route("/login", login, methods=["POST"])], middleware=[gate])
    with TestClient(app) as client:
        assert client.post("/login").json() == {"verified": True}
        with captcha.fails():
            assert client.post("/login").status_code == 403


def test_through_a_test_client_of_flask(captcha):
    app = Flask("behind")
    app.add_url_rule("/login", view_func=lambda: {"verified": decision_of(flask_request).verified}, methods=["POST"])
    app.wsgi_app = WsgiGate(app.wsgi_app, policy_of())
    with app.test_client() as client:
        assert client.post("/login").json == {"verified": True}
        with captcha.fails():
            assert client.post("/login").status_code == 403


def test_in_a_server_in_another_thread(captcha):
    class Silent(WSGIRequestHandler):
        def log_message(self, *_: object) -> None: ...

    gate = World("wsgi", policy_of(), nobody).gate
    with make_server("127.0.0.1", 0, gate, handler_class=Silent) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            url = f"http://127.0.0.1:{server.server_port}/login"
            assert httpx.post(url, trust_env=False).status_code == 200
            captcha.fails("expired")
            assert httpx.post(url, trust_env=False).status_code == 403
        finally:
            server.shutdown()
            thread.join()
    assert [decision.reason for decision in captcha.decisions] == ["ok", "expired"]


def test_many_requests_at_once_are_told_the_same(captcha):
    world = World("asgi", policy_of(DEMANDING, providers={"robot": FAKE}, allow_test_keys=True), nobody)

    async def visit() -> list[int]:
        transport = httpx.ASGITransport(world.gate)
        async with httpx.AsyncClient(transport=transport, base_url="http://testserver") as http:
            return [reply.status_code for reply in await asyncio.gather(*(http.post("/login") for _ in range(20)))]

    assert asyncio.run(visit()) == [200] * 20
    assert len(captcha.decisions) == 20
