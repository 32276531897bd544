"""Code that was written elsewhere asks the same questions and draws the same conclusions. Loopback and no network.

Vendors' own packages where they publish some (Friendly Captcha, Google; Tencent's and Alibaba's stand in tests of their
own), else packages that many sites use. A type that nothing here stands for is `experimental`.
"""

from __future__ import annotations

import importlib
import io
import json
import logging
import sys
from types import ModuleType
from typing import Any
from urllib.parse import parse_qs

import httpx
import pytest
from google.cloud.recaptchaenterprise_v1.types import Assessment, CreateAssessmentRequest
from google.protobuf.json_format import ParseError
from support.siteverify import REPLIES, SECRET, SITE_KEY, TOKEN, account, context, golden, response, token_of

from captcha_gate.errors import BadReply
from captcha_gate.policy.schema import json_schema
from captcha_gate.providers.base import EXPERIMENTAL
from captcha_gate.providers.registry import known_types, provider_class
from captcha_gate.testing.vendors.loopback import LoopbackServer, replies

HERE = {"turnstile", "hcaptcha", "recaptcha-v2", "recaptcha-v3", "recaptcha-enterprise", "friendly-v2"}
#: Against an official package or library, in tests of their own.
ELSEWHERE = {"tencent", "aliyun", "altcha", "altcha-sentinel"}
#: Not in question: the five that the gate began with, what a policy describes itself, what is for tests.
NOT_ASKED = {"geetest-v3", "geetest-v4", "yunpian", "vaptcha", "vaptcha-v4", "siteverify", "fake"}


def test_a_type_is_experimental_exactly_if_nobody_elses_code_stands_for_it():
    experimental = {kind for kind in known_types() if provider_class(kind).experimental}
    assert experimental == set(known_types()) - HERE - ELSEWHERE - NOT_ASKED


@pytest.mark.parametrize("kind", known_types())
def test_a_type_that_is_experimental_says_so(kind):
    found = provider_class(kind)
    assert (EXPERIMENTAL in found.__doc__) is found.experimental
    described = json_schema()["$defs"][found.__name__].get("description", "")
    assert (EXPERIMENTAL in described) is found.experimental


def answered(kind: str, name: str) -> bool:
    flow = account(kind).verify(token_of(kind), context())
    next(flow)
    try:
        while True:
            flow.send(response(kind, name))
    except StopIteration as end:
        return end.value.outcome == "passed"


def names_of(kind: str) -> list[str]:
    """The replies that came with HTTP 200: what others do with the rest differs."""
    names = sorted(file.stem for file in (REPLIES / kind).glob("*.json"))
    return [name for name in names if golden(kind, name)["status"] == 200]


class Peer:
    """Somebody else's package: what it asks, and what it makes of a reply."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.asked: dict[str, list[str]] = {}
        self.reply = b""
        self.monkeypatch = monkeypatch

    def open(self, request: Any, timeout: float = 0) -> io.BytesIO:
        content = request if isinstance(request, bytes) else request.data
        self.asked = parse_qs(content.decode(), strict_parsing=True)
        return io.BytesIO(self.reply)


class DjangoRecaptcha(Peer):
    def passes(self) -> bool:
        self.monkeypatch.setattr("django.conf.settings", object())  # it looks for its own
        client = importlib.import_module("django_recaptcha.client")
        self.monkeypatch.setattr(client, "recaptcha_request", self.open)
        return client.submit(TOKEN, SECRET, "203.0.114.7").is_valid is True


class DjangoField(Peer):
    """django-turnstile and django-hcaptcha: a form field that asks when it is validated."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, package: str, field: str) -> None:
        super().__init__(monkeypatch)
        settings = ModuleType(f"{package}.settings")
        vars(settings).update(
            DEFAULT_CONFIG={}, ENABLE=True, PROXIES={}, SECRET=SECRET, TIMEOUT=5, VERIFY_URL="http://127.0.0.1:9/"
        )
        vars(settings).update(JS_API_URL="", SITEKEY=SITE_KEY)
        monkeypatch.setitem(sys.modules, settings.__name__, settings)  # theirs asks Django for some
        self.fields = importlib.import_module(f"{package}.fields")
        monkeypatch.setattr(self.fields, "build_opener", lambda *handlers: self)
        self.field = getattr(self.fields, field)()

    def passes(self) -> bool:
        try:
            self.field.validate(TOKEN)
        except self.fields.forms.ValidationError:
            return False
        return True


PEERS = {
    "turnstile": lambda patch: DjangoField(patch, "turnstile", "TurnstileField"),
    "hcaptcha": lambda patch: DjangoField(patch, "hcaptcha", "hCaptchaField"),
    "recaptcha-v2": DjangoRecaptcha,
    "recaptcha-v3": DjangoRecaptcha,
}


@pytest.mark.parametrize(("kind", "name"), [(kind, name) for kind in PEERS for name in names_of(kind)])
def test_a_package_that_sites_use_asks_the_same_and_concludes_the_same(monkeypatch, kind, name):
    peer = PEERS[kind](monkeypatch)
    peer.reply = json.dumps(golden(kind, name)["reply"]).encode()
    assert peer.passes() is answered(kind, name)
    ours = parse_qs(next(account(kind).verify(token_of(kind), context())).content.decode())
    for parameter in ("secret", "response"):
        assert peer.asked[parameter] == ours[parameter]


@pytest.mark.parametrize("name", names_of("recaptcha-enterprise"))
def test_googles_types_know_every_name_that_is_read(name):
    reply = golden("recaptcha-enterprise", name)["reply"]
    theirs = Assessment.from_json(json.dumps(reply))
    verdict = golden("recaptcha-enterprise", name)["verdict"]
    challenged = theirs.risk_analysis.challenge.name == "FAILED"
    assert (theirs.token_properties.valid and not challenged) is (verdict["outcome"] == "passed")
    if verdict.get("action") is not None:
        assert theirs.token_properties.action == verdict["action"]
    if verdict.get("score") is not None:
        assert round(theirs.risk_analysis.score, 6) == verdict["score"]


def test_googles_types_write_what_is_read_and_leave_zeros_out():
    built = {
        "token_properties": {"valid": True, "action": "login", "hostname": "shop.example.com"},
        "risk_analysis": {"score": 0.0, "reasons": ["AUTOMATION"]},
    }
    written = Assessment.to_json(Assessment(built), always_print_fields_with_no_presence=False)
    assert "score" not in written
    flow = account("recaptcha-enterprise").verify(token_of("recaptcha-enterprise"), context())
    next(flow)
    with pytest.raises(StopIteration) as end:
        flow.send(httpx.Response(200, content=written.encode()))
    verdict = end.value.value
    assert (verdict.outcome, verdict.score, verdict.action) == ("passed", 0.0, "login")


def test_googles_types_take_our_question():
    question = next(account("recaptcha-enterprise").verify(token_of("recaptcha-enterprise"), context()))
    assessment = Assessment.from_json(question.content.decode())
    assert (assessment.event.token, assessment.event.site_key) == (TOKEN, SITE_KEY)
    assert CreateAssessmentRequest(parent="projects/my-project", assessment=assessment).assessment.event
    with pytest.raises(ParseError):
        Assessment.from_json('{"event": {"sitekey": "a"}}')


#: The cases that Friendly Captcha tests its own packages with, in our words: the status and what is answered; whether
#: the packages then can tell (they accept, unless told to be strict, whatever they cannot); and what it is here.
WORDS = "<html><body>Something went horribly wrong</body></html>"
FRIENDLY_CASES = {
    "success": (200, {"success": True}, True, "passed"),
    "auth_required": (401, "auth_required", False, "misconfigured"),
    "auth_invalid": (401, "auth_invalid", False, "misconfigured"),
    "sitekey_invalid": (400, "sitekey_invalid", False, "misconfigured"),
    "response_missing": (400, "response_missing", False, "failed"),
    "response_invalid": (200, "response_invalid", True, "failed"),
    "response_timeout": (200, "response_timeout", True, "failed"),
    "response_duplicate": (200, "response_duplicate", True, "failed"),
    "bad_request": (400, "bad_request", False, "failed"),
    "words with 200": (200, WORDS.encode(), False, "unavailable"),
    "nothing with 200": (200, b'""', False, "unavailable"),
    "words with 500": (500, WORDS.encode(), False, "unavailable"),
    "words with 400": (400, WORDS.encode(), False, "misconfigured"),
}


def friendly_content(told: Any) -> bytes:
    if isinstance(told, bytes):
        return told
    if isinstance(told, str):
        return json.dumps({"success": False, "error": {"error_code": told, "detail": ""}}).encode()
    challenge = {"timestamp": "2023-08-04T13:01:25Z", "origin": "https://example.com"}
    return json.dumps(
        {**told, "data": {"event_id": "ev_1", "challenge": challenge, "risk_intelligence": None}}
    ).encode()


@pytest.fixture
def friendly(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(logging, "basicConfig", lambda **settings: None)  # theirs configures everybody's log
    return importlib.import_module("friendly_captcha_client.client").FriendlyCaptchaClient


@pytest.mark.parametrize("case", FRIENDLY_CASES)
def test_friendlys_own_package_asks_the_same_and_can_tell_what_is_told_here(friendly, case):
    status, told, can_tell, outcome = FRIENDLY_CASES[case]
    content = friendly_content(told)
    with LoopbackServer(replies(status, content, "Content-Type: application/json")) as server:
        package = friendly(api_key=SECRET, sitekey=SITE_KEY, api_endpoint=server.url, strict=True)
        theirs = package.verify_captcha_response(TOKEN)
        [asked] = server.received
    assert theirs.was_able_to_verify is can_tell
    assert theirs.should_accept is (outcome == "passed")
    flow = account("friendly-v2").verify(token_of("friendly-v2"), context())
    question = next(flow)
    assert json.loads(asked.body) == json.loads(question.content)
    assert (asked.target, asked.headers["x-api-key"]) == (question.url.path, SECRET)
    with pytest.raises((StopIteration, BadReply)) as end:
        flow.send(httpx.Response(status, content=content))
    ours = end.value.value.outcome if isinstance(end.value, StopIteration) else "unavailable"  # as in the gate
    assert ours == outcome


def test_a_score_stands_where_friendlys_package_reads_it(friendly):
    schemas = importlib.import_module("friendly_captcha_client.schemas")
    reply = golden("friendly-v2", "passed-risk-3")["reply"]
    data = schemas.FriendlyCaptchaResponse.model_validate(reply).data
    assert data.risk_intelligence.risk_scores.overall == golden("friendly-v2", "passed-risk-3")["verdict"]["raw_score"]
