"""Tencent Cloud Captcha: its own package signs as we do, and every documented reply has its verdict."""

from __future__ import annotations

import json
from ipaddress import ip_address
from typing import Any

import httpx
import pytest
from support.world import policy_of
from tencentcloud.captcha.v20190722.captcha_client import CaptchaClient
from tencentcloud.captcha.v20190722.models import DescribeCaptchaResultRequest, DescribeCaptchaResultResponse
from tencentcloud.common.credential import Credential
from tencentcloud.common.profile.client_profile import ClientProfile
from tencentcloud.common.profile.http_profile import HttpProfile

from captcha_gate import PolicyError, Verdict
from captcha_gate.errors import BadReply
from captcha_gate.providers.context import Context
from captcha_gate.providers.tencent import Tencent, tc3
from captcha_gate.testing.vendors.loopback import LoopbackServer, replies

TOKEN = {"ticket": "t03wlJ8Z9*a-ticket_of==the~page", "randstr": "@wIj"}
KEYS = {
    "secret_id": "AKIDz8krbsJ5yKBZQpn74WFkmLPx3EXAMPLE",
    "secret_key": "Gu5t9xGARNpq86cd98joQYCN3EXAMPLE",
    "captcha_app_id": 190000000,
    "app_secret_key": "app-secret-key",
}
YES = {"CaptchaCode": 1, "CaptchaMsg": "OK", "EvilLevel": 0, "GetCaptchaTime": 1583749870, "RequestId": "r"}


def account(**keys: Any) -> Tencent:
    return Tencent(type="tencent", **{**KEYS, **keys})


def asked(provider: Tencent, **more: Any) -> httpx.Request:
    flow = provider.verify(TOKEN, Context(now=1583749999.5, token_hex=lambda size: "0f" * size, **more))
    request = next(flow)
    flow.close()
    return request


def verdict_of(told: Any, status: int = 200) -> Verdict:
    flow = account().verify(TOKEN, Context(now=1583749999.5, token_hex=lambda size: "0f" * size))
    next(flow)
    with pytest.raises(StopIteration) as end:
        flow.send(httpx.Response(status, json={"Response": told}))
    return end.value.value


def asked_by_their_package(url: str) -> DescribeCaptchaResultResponse:
    profile = ClientProfile(httpProfile=HttpProfile(protocol="http", endpoint=url.removeprefix("http://")))
    client = CaptchaClient(Credential(KEYS["secret_id"], KEYS["secret_key"]), "", profile)
    request = DescribeCaptchaResultRequest()
    request.from_json_string(asked(account()).content.decode())
    return client.DescribeCaptchaResult(request)


@pytest.mark.filterwarnings("ignore")
def test_the_vendors_package_asks_the_same_and_signs_it_in_the_same_way():
    with LoopbackServer(
        replies(200, json.dumps({"Response": YES}).encode(), "Content-Type: application/json")
    ) as server:
        assert asked_by_their_package(server.url).CaptchaCode == 1
        [theirs] = server.received
    ours = asked(account(base_url=server.url))
    assert json.loads(theirs.body) == json.loads(ours.content)
    for name in ("x-tc-action", "x-tc-version", "content-type", "host"):
        assert theirs.headers[name] == ours.headers[name]
    assert theirs.headers["authorization"] == tc3(
        theirs.body,
        host=theirs.headers["host"],
        timestamp=int(theirs.headers["x-tc-timestamp"]),
        secret_id=KEYS["secret_id"],
        key=KEYS["secret_key"],
    )


def test_the_request_is_signed_as_it_is_sent():
    request = asked(account(), client_ip=ip_address("203.0.114.7"))
    assert (request.method, str(request.url)) == ("POST", "https://captcha.tencentcloudapi.com/")
    assert request.headers["x-tc-timestamp"] == "1583749999"
    assert "/2020-03-09/captcha/tc3_request, " in request.headers["authorization"]
    body = json.loads(request.content)
    assert (body["UserIp"], body["CaptchaAppId"], body["CaptchaType"]) == ("203.0.114.7", 190000000, 9)
    assert json.loads(asked(account()).content)["UserIp"] == "0.0.0.0"


@pytest.mark.parametrize("ticket", ["trerror_1001_190000000_1700000000", "terror_1001_190000000_1700000000"])
def test_a_ticket_that_a_page_makes_up_is_refused_unasked(ticket):
    assert not account().accepts({**TOKEN, "ticket": ticket})
    assert account().accepts(TOKEN)


@pytest.mark.parametrize(
    ("told", "outcome", "reason", "score"),
    [
        (YES, "passed", "ok", 1.0),
        ({"CaptchaCode": 1}, "passed", "ok", None),
        ({**YES, "Score": 30}, "passed", "ok", 0.7),
        ({**YES, "Score": 90}, "passed", "ok", 0.1),
        ({**YES, "Score": "30", "EvilLevel": True}, "passed", "ok", None),
        ({**YES, "EvilLevel": 100}, "failed", "invalid_token", None),
        ({"CaptchaCode": 7, "CaptchaMsg": "randstr"}, "failed", "invalid_token", None),
        ({"CaptchaCode": 8}, "failed", "expired", None),
        ({"CaptchaCode": 9}, "failed", "replayed", None),
        ({"CaptchaCode": 15}, "failed", "invalid_token", None),
        ({"CaptchaCode": 16}, "failed", "invalid_token", None),
        ({"CaptchaCode": 21}, "failed", "invalid_token", None),
        ({"CaptchaCode": 100}, "failed", "invalid_token", None),
        ({"CaptchaCode": 0}, "failed", "invalid_token", None),
        ({"Error": {"Code": "AuthFailure.SignatureFailure", "Message": "m"}}, "misconfigured", "bad_credentials", None),
        ({"Error": {"Code": "AuthFailure.SignatureExpire"}}, "misconfigured", "bad_credentials", None),
        ({"Error": {"Code": "UnauthorizedOperation.ErrAuth"}}, "misconfigured", "bad_credentials", None),
        ({"Error": {"Code": "RequestLimitExceeded"}}, "unavailable", "throttled", None),
        ({"Error": {"Code": "InternalError"}}, "unavailable", "provider_error", None),
        ({"Error": {"Code": "InvalidParameter"}}, "failed", "invalid_token", None),
        ({"Error": {"Code": "MissingParameter"}, "CaptchaCode": 1}, "failed", "invalid_token", None),
        ({"Error": {}, "CaptchaCode": 1}, "failed", "invalid_token", None),
    ],
)
def test_each_documented_reply_has_its_verdict(told, outcome, reason, score):
    verdict = verdict_of(told)
    assert (verdict.outcome, verdict.reason, verdict.score) == (outcome, reason, score)


@pytest.mark.parametrize("code", [True, "1", 1.0, None, [1]])
def test_only_the_number_one_passes(code):
    with pytest.raises(BadReply):
        verdict_of({**YES, "CaptchaCode": code})


def test_it_tells_when_the_page_got_its_captcha():
    assert verdict_of(YES).issued_at.timestamp() == 1583749870
    assert verdict_of({**YES, "GetCaptchaTime": 10**15}).issued_at is None


def test_a_policy_configures_it_and_a_number_is_asked_for():
    policy = policy_of(providers={"tx": {"type": "tencent", **KEYS, "captcha_app_id": "190000000"}})
    provider = policy.providers["tx"]
    assert provider.site_key == "190000000"
    assert KEYS["app_secret_key"] in provider.secrets
    assert KEYS["app_secret_key"] not in repr(provider) + repr(policy)
    with pytest.raises(PolicyError, match=r"captcha_app_id: expected a whole number"):
        policy_of(providers={"tx": {"type": "tencent", **KEYS, "captcha_app_id": "an-id"}})
