"""Every provider that asks a vendor keeps the contract, and the contract catches those that do not."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

import httpx
import pytest

from captcha_gate import Verdict
from captcha_gate.providers.aliyun import Aliyun
from captcha_gate.providers.base import RemoteProvider, VerifyFlow
from captcha_gate.providers.context import Claimed
from captcha_gate.providers.geetest_v3 import GeetestV3
from captcha_gate.providers.geetest_v4 import GeetestV4
from captcha_gate.providers.tencent import Tencent
from captcha_gate.providers.vaptcha import Vaptcha
from captcha_gate.providers.vaptcha_v4 import VaptchaV4
from captcha_gate.providers.yidun import Yidun
from captcha_gate.providers.yunpian import Yunpian
from captcha_gate.scalars import BaseUrl, Secret
from captcha_gate.testing import ProviderContract
from captcha_gate.tokens.fields import ClientField


class TestGeetestV4(ProviderContract):
    provider = GeetestV4(type="geetest-v4", captcha_id="an-id", captcha_key="a-secret-key")
    token: ClassVar = {
        "lot_number": "4dc3cfc2cdff448cad8d13107198d473",
        "captcha_output": "ymBMOwkj3wrWAAfm-DEqWa4y7bc3_iVz0A==",
        "pass_token": "f3ea6fae5a1ed5bd",
        "gen_time": "1653302332",
    }
    passes = httpx.Response(200, json={"status": "success", "result": "success", "reason": "", "captcha_args": {}})
    refuses = httpx.Response(200, json={"status": "success", "result": "fail", "reason": "pass_token error"})
    decisive = ("result",)


class TestYunpian(ProviderContract):
    provider = Yunpian(type="yunpian", captcha_id="an-id", secret_id="a-secret-id", secret_key="a-secret-key")
    token: ClassVar = {"token": "1" * 32, "authenticate": "2" * 32}
    passes = httpx.Response(200, json={"code": 0, "cb": None, "msg": "ok", "data": None})
    refuses = httpx.Response(200, json={"code": 400, "cb": None, "msg": "validate_fail", "data": None})
    decisive = ("code",)


class TestYidun(ProviderContract):
    provider = Yidun(type="yidun", captcha_id="an-id", secret_id="a-secret-id", secret_key="a-secret-key")
    token: ClassVar = {"NECaptchaValidate": "a.validate_v2*of==the~page"}
    passes = httpx.Response(200, json={"error": 0, "msg": "ok", "result": True, "sdkReduce": False})
    refuses = httpx.Response(200, json={"error": 0, "msg": "", "result": False})
    decisive = ("error", "result")


class TestTencent(ProviderContract):
    provider = Tencent(
        type="tencent",
        secret_id="an-id",
        secret_key="a-secret-key",
        captcha_app_id=190000000,
        app_secret_key="another-secret-key",
    )
    token: ClassVar = {"ticket": "t03wlJ8Z9*a-ticket_of==the~page", "randstr": "@wIj"}
    passes = httpx.Response(200, json={"Response": {"CaptchaCode": 1, "CaptchaMsg": "OK", "RequestId": "r"}})
    refuses = httpx.Response(
        200, json={"Response": {"CaptchaCode": 15, "CaptchaMsg": "decrypt fail", "RequestId": "r"}}
    )
    decisive = ("Response",)


class TestAliyun(ProviderContract):
    provider = Aliyun(type="aliyun", access_key_id="an-id", access_key_secret="a-secret-key", scene_id="1ns8ckkp")
    token: ClassVar = {"captchaVerifyParam": '{"sceneId":"1ns8ckkp","certifyId":"x5uU0wAifK","deviceToken":"U0df=="}'}
    passes = httpx.Response(200, json={"Code": "Success", "Result": {"VerifyResult": True, "VerifyCode": "T001"}})
    refuses = httpx.Response(200, json={"Code": "Success", "Result": {"VerifyResult": False, "VerifyCode": "F001"}})
    decisive = ("Result",)


class TestGeetestV3(ProviderContract):
    provider = GeetestV3(type="geetest-v3", captcha_id="an-id", private_key="a-secret-key")
    token: ClassVar = {
        "geetest_challenge": "fa7025c83249ab263bc1f11f11ae21a5",
        "geetest_validate": "8829949571bdf9cc97663ce89ff3d5c5",
        "geetest_seccode": "8829949571bdf9cc97663ce89ff3d5c5|jordan",
    }
    passes = httpx.Response(200, json={"seccode": "17eaf2f1675fca66eade6cb8c7705c20"})
    refuses = httpx.Response(200, json={"seccode": "false"})
    decisive = ("seccode",)


class TestVaptcha(ProviderContract):
    # Of a list: what a server under a wildcard does is never an outage. The probe asks the first, the token the second.
    provider = Vaptcha(
        type="vaptcha", vid="an-id", key="a-secret-key", allowed_servers=["node1.vaptcha.net", "node2.vaptcha.net"]
    )
    token: ClassVar = {"vaptcha_server": "https://node2.vaptcha.net/verify", "vaptcha_token": "2b0e8b1c5f7a4d6e"}
    passes = httpx.Response(200, json={"success": 1, "score": 60, "msg": "0,1,2,3"})
    refuses = httpx.Response(200, json={"success": 0, "score": 0, "msg": "token error"})
    decisive = ("success",)


class TestVaptchaV4(ProviderContract):
    provider = VaptchaV4(type="vaptcha-v4", vid="an-id", key="a-secret-key", verify="remote")
    token: ClassVar = {
        "vaptcha_token": "1699999990.id1.6af8d264742321e382e5c12b6e612453559dd056efc8f78acdaed0900053c2cd",
        "vaptcha_knock": "knock456",
        "vaptcha_dfu": "dfu123",
        "vaptcha_ip": "203.0.113.7",
    }
    passes = httpx.Response(200, json={"code": 0, "msg": "", "data": {"code": 0, "result": True, "vid": "an-id"}})
    refuses = httpx.Response(200, json={"code": 0, "msg": "", "data": {"code": 1, "result": False, "vid": "an-id"}})
    decisive = ("code", "data")


class Careless(RemoteProvider):
    """A provider with the mistakes that are seen most."""

    type: Literal["careless"]
    secret: Secret
    base_url: BaseUrl = "https://vendor.example"
    client_fields: ClassVar = (ClientField("token", grammar=r"(?s:.)*", max_length=10**9),)

    def account(self):
        return self.secret.get_secret_value()

    def claimed(self, fields, context):
        return Claimed("always the same", 1)

    def verify(self, fields, context) -> VerifyFlow:
        response = yield httpx.Request("GET", f"https://vendor.example?key={self.secret.get_secret_value()}")
        reply: Any = response.json() if response.content.startswith(b"{") else {}
        return Verdict.passed() if reply.get("success") or response.status_code >= 500 else Verdict.failed()


class _CarelessContract(ProviderContract):
    provider = Careless(type="careless", secret="a-secret-key")
    token: ClassVar = {"token": "abc"}
    passes = httpx.Response(200, json={"success": True})
    refuses = httpx.Response(200, json={"success": False})
    decisive = ("success",)


@pytest.mark.parametrize(
    "fact",
    [
        "test_what_no_vendor_issues_is_refused_before_any_call",
        "test_nothing_but_the_vendors_yes_passes",
        "test_an_outage_is_unavailable_and_throttling_is_too",
        "test_a_redirect_is_a_bad_reply",
        "test_the_secret_is_neither_in_the_url_nor_in_any_repr",
        "test_the_vendor_is_asked_where_the_policy_says",
        "test_a_claim_depends_on_the_token_and_lasts",
    ],
)
def test_the_contract_catches_a_careless_provider(fact):
    with pytest.raises(AssertionError):
        getattr(_CarelessContract(), fact)()
