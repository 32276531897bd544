"""Alibaba Cloud Captcha 2.0: its own package signs as we do, and every documented reply has its verdict."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qs

import httpx
import pytest
from alibabacloud_captcha20230305.client import Client
from alibabacloud_captcha20230305.models import VerifyIntelligentCaptchaRequest
from alibabacloud_tea_openapi.models import Config
from support.world import policy_of

from captcha_gate import PolicyError, Verdict
from captcha_gate.errors import BadReply
from captcha_gate.providers.aliyun import Aliyun, acs3
from captcha_gate.providers.context import Context
from captcha_gate.testing.vendors.loopback import LoopbackServer, replies

OBJECT = '{"sceneId":"1ns8ckkp","certifyId":"x5uU0wAifK","deviceToken":"U0df+/==","data":"a b&c=\\u00e9\\"\\\\"}'
BASE64 = "eyJjZXJ0aWZ5SWQiOiJ4NXVVMHdBaWZLIiwic2NlbmVJZCI6IjFuczhja2twIn0="
SINGAPORE = "https://captcha.ap-southeast-1.aliyuncs.com"
KEYS = {"access_key_id": "LTAI5tEXAMPLE", "access_key_secret": "a-secret-key", "scene_id": "1ns8ckkp"}
YES = {"Code": "Success", "Success": True, "Result": {"VerifyResult": True, "VerifyCode": "T001"}}


def account(**keys: Any) -> Aliyun:
    return Aliyun(type="aliyun", **{**KEYS, **keys})


def context() -> Context:
    return Context(now=1583749999.5, token_hex=lambda size: "0f" * size)


def asked(provider: Aliyun, param: str = OBJECT) -> httpx.Request:
    flow = provider.verify({"captchaVerifyParam": param}, context())
    request = next(flow)
    flow.close()
    return request


def verdict_of(reply: Any, status: int = 200, **keys: Any) -> Verdict:
    flow = account(**keys).verify({"captchaVerifyParam": OBJECT}, context())
    next(flow)
    with pytest.raises(StopIteration) as end:
        flow.send(httpx.Response(status, json=reply))
    return end.value.value


def result(code: str, passes: Any = False) -> dict[str, Any]:
    return {"Code": "Success", "Success": True, "Result": {"VerifyResult": passes, "VerifyCode": code}}


@pytest.mark.filterwarnings("ignore")
def test_the_vendors_package_asks_the_same_and_signs_it_in_the_same_way():
    with LoopbackServer(replies(200, json.dumps(YES).encode(), "Content-Type: application/json")) as server:
        config = Config(
            access_key_id=KEYS["access_key_id"],
            access_key_secret=KEYS["access_key_secret"],
            endpoint=server.url.removeprefix("http://"),
            protocol="http",
        )
        question = VerifyIntelligentCaptchaRequest(captcha_verify_param=OBJECT, scene_id=KEYS["scene_id"])
        assert Client(config).verify_intelligent_captcha(question).body.result.verify_result is True
        [theirs] = server.received
    ours = asked(account(base_url=server.url))
    assert parse_qs(theirs.body.decode()) == parse_qs(ours.content.decode())
    assert (theirs.method, theirs.target) == (ours.method, ours.url.raw_path.decode())
    for name in ("x-acs-action", "x-acs-version", "content-type", "host"):
        assert theirs.headers[name] == ours.headers[name]
    # The package signs two headers of its own, too; which ones are signed is told.
    signed = theirs.headers["authorization"].partition("SignedHeaders=")[2].partition(",")[0].split(";")
    headers = {name: theirs.headers[name] for name in signed}
    key = {"key_id": KEYS["access_key_id"], "key": KEYS["access_key_secret"]}
    assert theirs.headers["authorization"] == acs3(headers, signed, **key)


@pytest.mark.parametrize("param", [OBJECT, BASE64])
def test_what_the_page_submits_is_sent_on_byte_for_byte(param):
    request = asked(account(), param)
    assert str(request.url) == "https://captcha.cn-shanghai.aliyuncs.com/"
    assert parse_qs(request.content.decode()) == {"CaptchaVerifyParam": [param], "SceneId": ["1ns8ckkp"]}
    assert request.headers["x-acs-date"] == "2020-03-09T10:33:19Z"
    assert request.headers["authorization"].startswith("ACS3-HMAC-SHA256 Credential=LTAI5tEXAMPLE,SignedHeaders=")


@pytest.mark.parametrize(
    ("param", "accepted"),
    [
        (OBJECT, True),
        (BASE64, True),
        ('{"data":{"nested":[1,"<b>"]}}', True),
        ("{}", True),
        ("{not JSON}", False),
        ('{"a":1}{"b":2}', False),
        ('{"a":"\n"}', False),
        ('{"a":"é"}', False),
        ('["a"]', False),
        ('"a"', False),
        ("{" * 9000 + "}", False),
    ],
)
def test_the_field_is_a_json_object_or_one_in_base_64(param, accepted):
    assert account().accepts({"captchaVerifyParam": param}) is accepted


@pytest.mark.parametrize(
    ("reply", "outcome", "reason"),
    [
        (YES, "passed", "ok"),
        (result("T006", True), "passed", "ok"),
        (result("T005", True), "misconfigured", "bad_credentials"),
        (result("T999", True), "failed", "invalid_token"),
        (result("F001", True), "failed", "invalid_token"),
        (result("F001"), "failed", "invalid_token"),
        (result("T001"), "failed", "invalid_token"),
        (result("F003"), "failed", "invalid_token"),
        (result("F005"), "misconfigured", "bad_credentials"),
        (result("F006"), "failed", "invalid_token"),
        (result("F008"), "failed", "replayed"),
        (result("F012"), "failed", "invalid_token"),
        (result("F018"), "failed", "replayed"),
        (result("F019"), "failed", "expired"),
        (result("F023"), "failed", "invalid_token"),
        ({"Code": "InvalidAccessKeyId.NotFound", "Message": "m"}, "misconfigured", "bad_credentials"),
        ({"Code": "SignatureDoesNotMatch"}, "misconfigured", "bad_credentials"),
        ({"Code": "Forbidden.RAM"}, "misconfigured", "bad_credentials"),
        ({"Code": "Throttling.User"}, "unavailable", "throttled"),
        ({"Code": "InternalError"}, "unavailable", "provider_error"),
        ({"Code": "MissingCaptchaVerifyParam"}, "failed", "invalid_token"),
    ],
)
def test_each_documented_reply_has_its_verdict(reply, outcome, reason):
    status = 400 if "Result" not in reply else 200
    verdict = verdict_of(reply, status)
    assert (verdict.outcome, verdict.reason) == (outcome, reason)


@pytest.mark.parametrize("passes", ["true", 1, None, [True], {}])
def test_only_true_passes(passes):
    with pytest.raises(BadReply):
        verdict_of(result("T001", passes))


def test_a_scene_in_test_mode_passes_where_the_policy_is_one_for_tests():
    assert verdict_of(result("T005", True), test_mode=True).outcome == "passed"
    settings = {"type": "aliyun", **KEYS, "test_mode": True}
    with pytest.raises(PolicyError, match=r"providers\.ali\.test_mode: a scene in test mode passes everybody"):
        policy_of(providers={"ali": settings})
    policy_of(providers={"ali": settings}, allow_test_keys=True)


@pytest.mark.parametrize(
    ("keys", "warnings"),
    [
        ({"prefix": "abc123"}, ()),
        ({"prefix": "abc123", "region": "sgp", "base_url": SINGAPORE}, ()),
        ({"prefix": "abc123", "region": "sgp", "base_url": "https://proxy.example.com"}, ()),
        ({"base_url": SINGAPORE}, ()),
        ({"prefix": "abc123", "region": "sgp"}, ("region: the server is another region's (write region: cn, or",)),
        ({"prefix": "abc123", "base_url": SINGAPORE}, ("region: the server is another region's (write region: sgp,",)),
    ],
)
def test_a_page_of_another_region_than_the_server_is_warned_of(keys, warnings):
    found = policy_of(providers={"ali": {"type": "aliyun", **KEYS, **keys}}).warnings
    assert len(found) == len(warnings)
    assert all(line.startswith(f"providers.ali.{start}") for line, start in zip(found, warnings, strict=True))


def test_the_probe_is_what_a_page_could_have_sent():
    probe = account().probe_fields(context())
    assert account().accepts(probe)
    assert json.loads(probe["captchaVerifyParam"])["sceneId"] == "1ns8ckkp"
