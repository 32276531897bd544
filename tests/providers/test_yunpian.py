"""Yunpian by its documents: the signature, the request, every reply there is. Driven by hand, without a server."""

from __future__ import annotations

import itertools
from typing import Any
from urllib.parse import parse_qs

import httpx
import pytest
from support.world import policy_of

from captcha_gate import PolicyError, Verdict
from captcha_gate.errors import BadReply
from captcha_gate.providers.context import Context
from captcha_gate.providers.signatures import sorted_md5
from captcha_gate.providers.yunpian import Yunpian

KEY = "e3da918313c14ea8b25db31f01263f80"
TOKEN = {"token": "1" * 32, "authenticate": "2" * 32}
NOW = 1541064141.441
BASE = {
    "authenticate": "2" * 32,
    "captchaId": "0123456789abcdef0123456789abcdef",
    "nonce": "1",
    "secretId": "3" * 32,
    "timestamp": "1541064141441",
    "token": "1" * 32,
    "version": "1.0",
}


def account(**keys: Any) -> Yunpian:
    settings = {"captcha_id": BASE["captchaId"], "secret_id": BASE["secretId"], "secret_key": KEY, **keys}
    return Yunpian(type="yunpian", **settings)


def context(**more: Any) -> Context:
    return Context(now=NOW, token_hex=lambda size: "00" * size, **more)


def asked(provider: Yunpian, **more: Any) -> httpx.Request:
    flow = provider.verify(TOKEN, context(**more))
    request = next(flow)
    flow.close()
    return request


def verdict_of(reply: Any, status: int = 200) -> Verdict:
    flow = account().verify(TOKEN, context())
    next(flow)
    try:
        flow.send(httpx.Response(status, json=reply))
    except StopIteration as end:
        return end.value
    raise AssertionError("it asks once")


@pytest.mark.parametrize(
    ("parameters", "digest"),
    [
        # The document's own example, corrected: its printed digest is that of a misspelt "barz".
        ({"foo": "1", "bar": "2", "foo_bar": "3", "baz": "4"}, "e5fdc6218688ba15b909a10a45f01fc5"),
        (BASE, "0f252f0e21980aa05ab2e0cabcd6fb87"),
        ({**BASE, "user": "alice"}, "a422e4ceb88293826ea4543e2af74a1f"),
        ({**BASE, "user": "用户 a&b=1"}, "69bea4f13ca5e2d52167f0342ffbb462"),
        ({**BASE, "timestamp": "1541064141"}, "645427186d85b1905eb55553a2c25b46"),
    ],
)
def test_the_signature_is_over_raw_values_in_ascii_order(parameters, digest):
    assert sorted_md5(parameters, KEY) == digest


def test_the_request_is_a_form_with_milliseconds_a_nonce_from_one_and_no_empty_user():
    request = asked(account())
    assert (request.method, str(request.url)) == ("POST", "https://captcha.yunpian.com/v1/api/authenticate")
    assert request.headers["content-type"] == "application/x-www-form-urlencoded"
    form = {name: value for name, [value] in parse_qs(request.content.decode(), strict_parsing=True).items()}
    assert form == {**BASE, "signature": "0f252f0e21980aa05ab2e0cabcd6fb87"}


@pytest.mark.parametrize(("random", "nonce"), [("00" * 8, "1"), (f"{99_998:016x}", "99999"), (f"{99_999:016x}", "1")])
def test_the_nonce_is_from_1_to_99999(random, nonce):
    flow = account().verify(TOKEN, Context(now=NOW, token_hex=lambda size: random))
    assert parse_qs(next(flow).content.decode())["nonce"] == [nonce]
    flow.close()


def test_a_user_is_an_opaque_id_of_a_cookie_and_signed_like_the_rest():
    provider = account(user={"cookie": "sessionid"})
    form = parse_qs(asked(provider, cookie={"sessionid": "alices-session"}.get).content.decode())
    [user] = form["user"]
    assert len(user) == 32
    assert "alice" not in user
    assert form["signature"] == [sorted_md5({**BASE, "user": user}, KEY)]
    again = parse_qs(asked(provider, cookie={"sessionid": "alices-session"}.get).content.decode())
    other = parse_qs(asked(provider, cookie={"sessionid": "bobs-session"}.get).content.decode())
    assert again["user"] == [user] != other["user"]
    assert "user" not in parse_qs(asked(provider).content.decode())


def test_a_random_user_is_another_one_for_each_token_and_signed_like_the_rest():
    numbers = itertools.count()
    provider = account(user="random")
    users = []
    for _ in range(2):
        flow = provider.verify(TOKEN, Context(now=NOW, token_hex=lambda size: f"{next(numbers):0{2 * size}x}"))
        form = {name: value for name, [value] in parse_qs(next(flow).content.decode()).items()}
        flow.close()
        told = form.pop("signature")
        assert told == sorted_md5(form, KEY)
        assert len(form["user"]) == 32
        users.append(form["user"])
    assert users[0] != users[1]


@pytest.mark.parametrize("user", ["alice", {"cookie": ""}, {"header": "x"}, {}, ["random"], 1])
def test_another_kind_of_user_is_an_error_that_names_the_choice(user):
    with pytest.raises(PolicyError, match=r"providers\.yp\.user") as error:
        policy_of(
            providers={"yp": {"type": "yunpian", "captcha_id": "a", "secret_id": "b", "secret_key": "c", "user": user}}
        )
    if user == "alice":
        assert "write random, or {cookie: sessionid}" in str(error.value)


@pytest.mark.parametrize(
    ("reply", "outcome", "reason"),
    [
        ({"code": 0, "cb": None, "msg": "ok", "data": None}, "passed", "ok"),
        ({"code": 400, "cb": None, "msg": "validate_fail", "data": None}, "failed", "invalid_token"),
        ({"code": 400, "msg": "param_invalid"}, "failed", "invalid_token"),
        ({"code": 400, "msg": "signature_invalid"}, "misconfigured", "bad_credentials"),
        ({"code": 400, "msg": "captcha_id_invalid"}, "misconfigured", "bad_credentials"),
        ({"code": 400, "msg": "something new"}, "failed", "invalid_token"),
        ({"code": 400}, "failed", "invalid_token"),
        ({"code": 429, "msg": "too many requests"}, "unavailable", "throttled"),
        ({"code": 500, "msg": "server_error"}, "unavailable", "provider_error"),
    ],
)
def test_each_documented_code_has_its_verdict(reply, outcome, reason):
    verdict = verdict_of(reply)
    assert (verdict.outcome, verdict.reason, verdict.provider_reason) == (outcome, reason, reply.get("msg", ""))


@pytest.mark.parametrize("code", [False, None, "0", 0.0, [0], {"code": 0}, True, 1, -1, 200])
def test_only_the_integer_zero_passes(code):
    with pytest.raises(BadReply):
        verdict_of({"code": code, "msg": "ok"})


@pytest.mark.parametrize(("status", "reason"), [(429, "throttled"), (500, "provider_error"), (302, "bad_reply")])
def test_the_status_counts_too(status, reason):
    assert verdict_of({"code": 0, "msg": "ok"}, status).reason == reason


@pytest.mark.parametrize("status", [201, 400, 403])
def test_a_pass_with_another_status_is_none(status):
    with pytest.raises(BadReply):
        verdict_of({"code": 0, "msg": "ok"}, status)


def test_a_policy_configures_it():
    settings = {"type": "yunpian", "captcha_id": "a", "secret_id": "b", "secret_key": "c", "user": {"cookie": "sid"}}
    policy = policy_of(providers={"yp": {**settings, "fields": {"token": "captcha_token"}}})
    assert policy.providers["yp"].site_key == "a"
    assert policy.rules[0].wanted[0].names == {"token": "captcha_token", "authenticate": "authenticate"}
