"""NetEase Yidun by its documents: the signature, the request, every reply there is. Driven by hand."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Any
from urllib.parse import parse_qs

import httpx
import pytest
from support.world import policy_of

from captcha_gate import Verdict
from captcha_gate.errors import BadReply
from captcha_gate.providers.context import Context
from captcha_gate.providers.signatures import sorted_md5
from captcha_gate.providers.yidun import Yidun

KEY = "e3da918313c14ea8b25db31f01263f80"
TOKEN = {"NECaptchaValidate": "a+validate/of=the&page"}
NOW = 1541064141.441


def account(**keys: Any) -> Yidun:
    return Yidun(type="yidun", **{"captcha_id": "a" * 32, "secret_id": "b" * 32, "secret_key": KEY, **keys})


def form_of(provider: Yidun, **more: Any) -> dict[str, str]:
    flow = provider.verify(TOKEN, Context(now=NOW, token_hex=lambda size: "0f" * size, **more))
    request = next(flow)
    flow.close()
    assert (request.method, str(request.url)) == ("POST", "https://c.dun.163.com/api/v2/verify")
    parsed = parse_qs(request.content.decode(), keep_blank_values=True, strict_parsing=True)
    return {name: value for name, [value] in parsed.items()}


def verdict_of(reply: Any, status: int = 200) -> Verdict:
    flow = account().verify(TOKEN, Context(now=NOW, token_hex=lambda size: "0f" * size))
    next(flow)
    with pytest.raises(StopIteration) as end:
        flow.send(httpx.Response(status, json=reply))
    return end.value.value


def test_the_signature_is_the_documents():
    parameters = {"foo": "1", "bar": "2", "foo_bar": "3", "baz": "4"}
    assert sorted_md5(parameters, "your_secretKey") == "8f9138d7717396120ef5895491bb2dca"


def test_the_request_is_a_signed_form_with_a_user_that_may_be_empty():
    form = form_of(account())
    assert form == {
        "captchaId": "a" * 32,
        "nonce": "0f" * 16,
        "secretId": "b" * 32,
        "timestamp": "1541064141441",
        "user": "",
        "validate": TOKEN["NECaptchaValidate"],
        "version": "v2",
        "signature": sorted_md5({name: value for name, value in form.items() if name != "signature"}, KEY),
    }


def test_a_user_and_an_address_are_signed_too():
    known = {"client_ip": ip_address("203.0.114.7"), "cookie": {"sid": "alices-session"}.get}
    form = form_of(account(user={"cookie": "sid"}), **known)
    assert (form["clientIp"], len(form["user"])) == ("203.0.114.7", 32)
    assert form.pop("signature") == sorted_md5(form, KEY)


@pytest.mark.parametrize(
    ("reply", "outcome", "reason"),
    [
        ({"error": 0, "msg": "ok", "result": True}, "passed", "ok"),
        ({"error": 0, "msg": "ok", "result": True, "sdkReduce": False}, "passed", "ok"),
        ({"error": 0, "msg": "ok", "result": True, "sdkReduce": None, "phone": "1"}, "passed", "ok"),
        ({"error": 0, "msg": "ok", "result": True, "sdkReduce": True}, "failed", "invalid_token"),
        ({"error": 0, "msg": "ok", "result": True, "sdkReduce": "true"}, "failed", "invalid_token"),
        ({"error": 0, "msg": "", "result": False}, "failed", "invalid_token"),
        ({"error": 415, "msg": "signature", "result": False}, "misconfigured", "bad_credentials"),
        ({"error": 419, "msg": "param", "result": False}, "failed", "invalid_token"),
        ({"error": 421, "msg": "version"}, "misconfigured", "bad_credentials"),
        ({"error": 430, "msg": "qps"}, "unavailable", "throttled"),
        ({"error": 500, "msg": "down"}, "unavailable", "provider_error"),
        ({"error": 400, "msg": "new"}, "failed", "invalid_token"),
        ({"error": 415, "msg": "signature", "result": True}, "misconfigured", "bad_credentials"),
    ],
)
def test_each_documented_reply_has_its_verdict(reply, outcome, reason):
    verdict = verdict_of(reply)
    assert (verdict.outcome, verdict.reason) == (outcome, reason)


@pytest.mark.parametrize(
    "reply",
    [
        {"error": False, "result": True},
        {"error": "0", "result": True},
        {"result": True},
        {"error": 0, "result": "true"},
        {"error": 0, "result": 1},
        {"error": 0},
    ],
    ids=str,
)
def test_what_only_looks_like_the_yes_is_none(reply):
    with pytest.raises(BadReply):
        verdict_of(reply)


def test_a_policy_configures_it():
    settings = {"type": "yidun", "captcha_id": "a", "secret_id": "b", "secret_key": "c", "user": {"cookie": "sid"}}
    policy = policy_of(providers={"yd": settings})
    assert policy.providers["yd"].site_key == "a"
    assert policy.rules[0].wanted[0].headers == {"NECaptchaValidate": "x-captcha-token"}
