"""What each vendor of the siteverify family is asked, byte by byte, and what is asked again. Driven by hand."""

from __future__ import annotations

import json
from ipaddress import ip_address
from itertools import count
from typing import Any
from urllib.parse import parse_qs

import httpx
import pytest
from support.siteverify import ACCOUNTS, SECRET, SITE_KEY, TOKEN, account, context, response, token_of

from captcha_gate import Verdict
from captcha_gate.errors import FetchError
from captcha_gate.outcome import Outcome, Reason

#: What `token_hex` of the context becomes as a UUID of version 4.
KEY = "5a5a5a5a-5a5a-4a5a-9a5a-5a5a5a5a5a5a"
CLIENT = ip_address("203.0.114.7")
FORM = "application/x-www-form-urlencoded"

#: For each type: the URL, the headers of its own, and the body, for a client whose address is known.
ASKED: dict[str, tuple[str, dict[str, str], Any]] = {
    "turnstile": (
        "https://challenges.cloudflare.com/turnstile/v0/siteverify",
        {"content-type": FORM},
        {"response": TOKEN, "secret": SECRET, "remoteip": "203.0.114.7", "idempotency_key": KEY},
    ),
    "hcaptcha": (
        "https://api.hcaptcha.com/siteverify",
        {"content-type": FORM},
        {"response": TOKEN, "secret": SECRET, "sitekey": SITE_KEY, "remoteip": "203.0.114.7"},
    ),
    "recaptcha-v2": (
        "https://www.google.com/recaptcha/api/siteverify",
        {"content-type": FORM},
        {"response": TOKEN, "secret": SECRET, "remoteip": "203.0.114.7"},
    ),
    "recaptcha-v3": (
        "https://www.google.com/recaptcha/api/siteverify",
        {"content-type": FORM},
        {"response": TOKEN, "secret": SECRET, "remoteip": "203.0.114.7"},
    ),
    "recaptcha-enterprise": (
        "https://recaptchaenterprise.googleapis.com/v1/projects/my-project/assessments",
        {"content-type": "application/json", "x-goog-api-key": SECRET},
        {"event": {"token": TOKEN, "siteKey": SITE_KEY, "userIpAddress": "203.0.114.7"}},
    ),
    "friendly-v2": (
        "https://global.frcapi.com/api/v2/captcha/siteverify",
        {"content-type": "application/json", "x-api-key": SECRET},
        {"response": TOKEN, "sitekey": SITE_KEY},
    ),
    "friendly-v1": (
        "https://api.friendlycaptcha.com/api/v1/siteverify",
        {"content-type": "application/json"},
        {"solution": TOKEN, "secret": SECRET, "sitekey": SITE_KEY},
    ),
    "cap": (
        f"https://cap.example.com/{SITE_KEY}/siteverify",
        {"content-type": "application/json"},
        {"response": TOKEN, "secret": SECRET},
    ),
    "mcaptcha": (
        "https://mcaptcha.example.com/api/v1/pow/siteverify",
        {"content-type": "application/json"},
        {"token": TOKEN, "secret": SECRET, "key": SITE_KEY},
    ),
    "prosopo": (
        "https://api.prosopo.io/siteverify",
        {"content-type": "application/json"},
        {"token": TOKEN, "secret": SECRET, "ip": "203.0.114.7"},
    ),
    "yandex": (
        "https://smartcaptcha.yandexcloud.net/validate",
        {"content-type": FORM},
        {"token": TOKEN, "secret": SECRET, "ip": "203.0.114.7"},
    ),
    "captchafox": (
        "https://api.captchafox.com/siteverify",
        {"content-type": FORM},
        {"response": TOKEN, "secret": SECRET},
    ),
    "mtcaptcha": (
        "https://service.mtcaptcha.com/mtcv1/api/checktoken",
        {},
        {"token": TOKEN, "privatekey": SECRET},
    ),
    "private-captcha": (
        "https://api.privatecaptcha.com/verify",
        {"x-api-key": SECRET, "x-pc-sitekey": SITE_KEY},
        TOKEN,
    ),
    "siteverify": (
        "https://captcha.example.com/api/check",
        {"content-type": "application/json"},
        {"answer": TOKEN, "password": SECRET, "site": SITE_KEY, "visitor": "203.0.114.7"},
    ),
}


def asked(kind: str, token: str = TOKEN, keys: Any = None, **more: Any) -> httpx.Request:
    flow = account(kind, **(keys or {})).verify(token_of(kind, token), context(**more))
    request = next(flow)
    flow.close()
    assert isinstance(request, httpx.Request)
    return request


def body_of(request: httpx.Request) -> Any:
    """What is told: in the body, or where there is none in the query."""
    if request.method == "GET":
        return {name: value for name, [value] in parse_qs(request.url.query.decode(), strict_parsing=True).items()}
    text = request.content.decode()
    match request.headers.get("content-type"):
        case "application/json":
            return json.loads(text)
        case "application/x-www-form-urlencoded":
            return {name: value for name, [value] in parse_qs(text, strict_parsing=True).items()}
    return text


def test_every_type_has_its_vector():
    assert list(ASKED) == list(ACCOUNTS)


@pytest.mark.parametrize("kind", ASKED)
def test_a_vendor_is_asked_what_its_documents_say(kind):
    request = asked(kind, client_ip=CLIENT)
    own = {name: value for name, value in request.headers.items() if name not in ("host", "content-length")}
    assert (str(request.url.copy_with(query=None)), own, body_of(request)) == ASKED[kind]
    assert request.method == ("GET" if kind == "mtcaptcha" else "POST")


@pytest.mark.parametrize("kind", ASKED)
@pytest.mark.parametrize("address", [None, "127.0.0.1", "10.1.2.3", "192.168.0.7", "::1", "fe80::1", "fd00::7"])
def test_an_address_that_no_vendor_can_have_seen_is_not_told(kind, address):
    request = asked(kind, client_ip=address and ip_address(address))
    assert "203.0.114.7" not in request.content.decode()
    known = {"remoteip", "ip", "visitor", "userIpAddress"}
    told = body_of(request)
    inner = told.get("event", told) if isinstance(told, dict) else {}
    assert known.isdisjoint(inner)


@pytest.mark.parametrize("kind", ASKED)
def test_a_token_cannot_add_parameters(kind):
    evil = "x&secret=mine&response=y&remoteip=192.0.2.1;#%26"
    told = body_of(asked(kind, evil))
    if isinstance(told, dict):
        names = {name for name in ASKED[kind][2] if name not in ("remoteip", "ip", "visitor")}
        assert set(told) == names
        assert evil in (told.get("event", told)).values()
    else:
        assert told == evil


@pytest.mark.parametrize("kind", [kind for kind in ASKED if kind != "mtcaptcha"])
def test_the_secret_stands_where_the_vendor_reads_it_and_nowhere_in_the_url(kind):
    request = asked(kind)
    assert SECRET not in str(request.url)
    where = request.headers if any(value == SECRET for value in ASKED[kind][1].values()) else {"body": request.content}
    assert any(SECRET.encode() in (value if isinstance(value, bytes) else value.encode()) for value in where.values())


def test_a_site_key_or_project_cannot_leave_its_part_of_the_path():
    cap = asked("cap", keys={"site_key": "../../x?y#z"})
    assert cap.url.raw_path == b"/..%2F..%2Fx%3Fy%23z/siteverify"
    google = asked("recaptcha-enterprise", keys={"project_id": "a/../b"})
    assert google.url.raw_path == b"/v1/projects/a%2F..%2Fb/assessments"


def test_a_described_service_may_read_its_secret_in_a_header_and_be_told_no_more_than_the_token():
    request = asked(
        "siteverify", keys={"secret_header": "X-Key", "parameters": {}, "encoding": "form"}, client_ip=CLIENT
    )
    assert request.headers["x-key"] == SECRET
    assert body_of(request) == {"response": TOKEN}


def test_a_slash_at_the_end_of_a_described_path_is_kept():
    assert str(asked("siteverify", keys={"path": "/v4/verify/"}).url) == "https://captcha.example.com/api/v4/verify/"


class Exchange:
    """One verification, driven by hand: replies and failures go in, questions and the verdict come out."""

    def __init__(self, kind: str, **more: Any) -> None:
        self._flow = account(kind).verify(token_of(kind), context(**more))
        self.questions = [next(self._flow)]
        self.verdict: Verdict | None = None

    def reply(self, came: httpx.Response | FetchError) -> None:
        try:
            step = self._flow.throw(came) if isinstance(came, FetchError) else self._flow.send(came)
        except StopIteration as end:
            self.verdict = end.value
        else:
            self.questions.append(step)


def lost() -> FetchError:
    return FetchError(Reason.NETWORK, "the connection broke")


def busy() -> httpx.Response:
    return response("turnstile", "unavailable-internal-error")


@pytest.mark.parametrize("first", [lost, busy], ids=["lost", "internal-error"])
def test_turnstile_is_asked_again_under_the_same_idempotency_key(first):
    exchange = Exchange("turnstile")
    exchange.reply(first())
    assert exchange.verdict is None
    exchange.reply(response("turnstile", "passed-managed"))
    assert exchange.verdict.outcome is Outcome.PASSED
    bodies = {question.content for question in exchange.questions}
    assert (len(exchange.questions), len(bodies)) == (2, 1)


def test_turnstile_is_asked_twice_at_most_and_the_first_failure_counts():
    exchange = Exchange("turnstile")
    first = lost()
    exchange.reply(first)
    with pytest.raises(FetchError) as caught:
        exchange.reply(FetchError(Reason.TIMEOUT, "the time is used up", proves_outage=False))
    assert caught.value is first  # the second proves nothing, the first an outage
    exchange = Exchange("turnstile")
    exchange.reply(busy())
    exchange.reply(busy())
    assert (exchange.verdict.outcome, exchange.verdict.reason) == ("unavailable", "provider_error")
    exchange = Exchange("turnstile")
    exchange.reply(busy())
    exchange.reply(lost())
    assert (exchange.verdict.outcome, exchange.verdict.reason) == ("unavailable", "provider_error")


def test_internal_error_is_repeated_whatever_its_status():
    for status in (200, 400, 500, 503):
        exchange = Exchange("turnstile")
        exchange.reply(httpx.Response(status, json={"success": False, "error-codes": ["internal-error"]}))
        assert len(exchange.questions) == 2


@pytest.mark.parametrize(
    "error",
    [
        FetchError(Reason.TIMEOUT, "no answer"),
        FetchError(Reason.NETWORK, "nobody listens", nothing_sent=True),
        FetchError(Reason.NETWORK, "a certificate that does not verify", proves_outage=False),
        FetchError(Reason.BREAKER_OPEN, "down"),
        FetchError(Reason.OVERLOADED, "too many", proves_outage=False),
        FetchError(Reason.BAD_REPLY, "too long"),
    ],
    ids=str,
)
def test_what_cannot_be_better_the_second_time_is_not_repeated(error):
    exchange = Exchange("turnstile")
    with pytest.raises(FetchError) as caught:
        exchange.reply(error)
    assert caught.value is error
    assert len(exchange.questions) == 1


@pytest.mark.parametrize("status", [429, 500, 502, 503])
def test_a_status_alone_is_no_invitation_to_ask_again(status):
    exchange = Exchange("turnstile")
    exchange.reply(httpx.Response(status, content=b"<html>"))
    assert (len(exchange.questions), exchange.verdict.outcome) == (1, "unavailable")


@pytest.mark.parametrize("kind", [kind for kind in ACCOUNTS if kind != "turnstile"])
def test_nobody_else_is_asked_twice_about_a_token(kind):
    exchange = Exchange(kind)
    with pytest.raises(FetchError):
        exchange.reply(lost())
    exchange = Exchange(kind)
    exchange.reply(httpx.Response(500, json={"success": False, "error-codes": ["internal-error"]}))
    assert (len(exchange.questions), exchange.verdict.outcome) == (1, "unavailable")


def test_the_idempotency_key_is_random_for_each_request_and_not_the_tokens():
    numbers = count(1)
    keys = set()
    for _ in range(3):
        exchange = Exchange("turnstile", token_hex=lambda size: f"{next(numbers):0{2 * size}x}")
        keys.add(body_of(exchange.questions[0])["idempotency_key"])
    assert len(keys) == 3
    assert all(key[14] == "4" and key[19] in "89ab" and len(key) == 36 for key in keys)
