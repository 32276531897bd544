"""Every provider keeps the contract of its kind, and the contracts catch those that do not."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import replace
from typing import Any, ClassVar, Literal

import altcha
import httpx
import pytest
from support.sentinel import SENTINEL_SECRET
from support.sentinel import signed as sentinel

from captcha_gate import Verdict
from captcha_gate.outcome import Reason
from captcha_gate.providers.aliyun import Aliyun
from captcha_gate.providers.altcha import Altcha
from captcha_gate.providers.altcha_sentinel import AltchaSentinel
from captcha_gate.providers.base import Provider, RemoteProvider, VerifyFlow
from captcha_gate.providers.context import Claimed, Context
from captcha_gate.providers.fake import Fake
from captcha_gate.providers.geetest_v3 import GeetestV3
from captcha_gate.providers.geetest_v4 import GeetestV4
from captcha_gate.providers.reading import judged
from captcha_gate.providers.registry import _OURS, provider_class
from captcha_gate.providers.siteverify import SiteverifyProvider
from captcha_gate.providers.tencent import Tencent
from captcha_gate.providers.vaptcha import Vaptcha
from captcha_gate.providers.vaptcha_v4 import VaptchaV4
from captcha_gate.providers.yidun import Yidun
from captcha_gate.providers.yunpian import Yunpian
from captcha_gate.scalars import BaseUrl, Secret
from captcha_gate.testing import LocalProviderContract, ProviderContract
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
    decisive = ("code", "data.code", "data.result")


def signed(signed_at: int, knock: str) -> dict[str, str]:
    """The fields of a genuine token of VAPTCHA v4."""
    fields = {"vaptcha_knock": knock, "vaptcha_dfu": "dfu123", "vaptcha_ip": "203.0.113.7"}
    text = f"{signed_at}.203.0.113.7.dfu123.{knock}"
    signature = hmac.new(b"a-secret-key", text.encode(), hashlib.sha256).hexdigest()
    return {"vaptcha_token": f"{signed_at}.id1.{signature}", **fields}


def solved(provider: Altcha, context: Context) -> dict[str, str]:
    """The field of a solved proof of work."""
    flow = provider.challenge(context)
    created = next(flow).call()
    flow.close()
    return {"altcha": altcha.Payload(created, altcha.solve_challenge(created)).to_base64()}


class TestVaptchaV4Local(LocalProviderContract):
    provider = VaptchaV4(type="vaptcha-v4", vid="an-id", key="a-secret-key")
    token: ClassVar = signed(1_699_999_990, "knock456")
    another: ClassVar = signed(1_699_999_995, "knock789")


class TestAltcha(LocalProviderContract):
    # The library has a clock of its own: the challenges end in a hundred years.
    provider = Altcha(type="altcha", hmac_key="a-secret-key of some length", cost=1, expires="36500d")
    context: ClassVar = LocalProviderContract.context
    token: ClassVar = solved(provider, context)
    another: ClassVar = solved(provider, replace(context, token_hex=lambda size: "0e" * size))


class TestAltchaSentinel(LocalProviderContract):
    provider = AltchaSentinel(type="altcha-sentinel", secret=SENTINEL_SECRET)
    token: ClassVar = {"altcha": sentinel({"expire": 1_700_000_060, "id": "v_1", "verified": "true"}, SENTINEL_SECRET)}
    another: ClassVar = {
        "altcha": sentinel({"expire": 1_700_000_060, "id": "v_2", "verified": "true"}, SENTINEL_SECRET)
    }


class TestFake(LocalProviderContract):
    provider = Fake(type="fake")
    token: ClassVar = {"fake": "pass"}
    another: ClassVar = {"fake": "score:0.3"}

    def test_what_no_vendor_issues_is_refused_before_any_call(self):
        """Any line is taken, for whoever mistypes a token is told what can be written."""
        [field] = self.provider.client_fields
        assert [value for value in ("", "a\nb", "\x00", "h\u00e9", "x" * 101) if field.accepts(value)] == []


def test_every_type_of_ours_keeps_a_contract():
    """Those that are asked with one token and a secret do so in `test_siteverify_contract`."""
    here = {value.provider.type for name, value in globals().items() if name.startswith("Test")}
    assert here == {kind for kind in _OURS if not issubclass(provider_class(kind), SiteverifyProvider)}


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
        "test_no_secret_stands_in_the_url",
        "test_no_secret_stands_in_any_word_of_it",
        "test_the_vendor_is_asked_where_the_policy_says",
        "test_a_claim_depends_on_the_token_and_lasts",
    ],
)
def test_the_contract_catches_a_careless_provider(fact):
    with pytest.raises(AssertionError):
        getattr(_CarelessContract(), fact)()


class CarelessOfTypes(RemoteProvider):
    """Careful in everything but the types of the reply."""

    type: Literal["careless"]
    name: str
    means_yes: int
    base_url: BaseUrl = "https://vendor.example"
    client_fields: ClassVar = (ClientField("token"),)

    def account(self):
        return "an-id"

    def claimed(self, fields, context):
        return Claimed(fields["token"], 600)

    def verify(self, fields, context) -> VerifyFlow:
        response = yield httpx.Request("POST", self.base_url)
        return judged(response, self._verdict)

    def _verdict(self, reply):
        inner = reply.get("data")
        told = (inner if isinstance(inner, dict) else reply).get(self.name)
        return Verdict.passed() if told == self.means_yes else Verdict.failed()


def careless_of_types(name: str, yes: Any, no: Any, *, within: str = "") -> ProviderContract:
    contract = ProviderContract()
    contract.provider = CarelessOfTypes(type="careless", name=name, means_yes=int(yes))
    contract.token = {"token": "abc"}
    passes, refuses = ({"data": {name: told}} if within else {name: told} for told in (yes, no))
    contract.passes, contract.refuses = httpx.Response(200, json=passes), httpx.Response(200, json=refuses)
    contract.decisive = (f"{within}.{name}" if within else name,)
    return contract


@pytest.mark.parametrize(
    "contract",
    [
        careless_of_types("errno", 0, 1),  # False == 0 and 0.0 == 0
        careless_of_types("ok", yes=True, no=False),  # 1 == True and 1.0 == True
        careless_of_types("errno", 0, 1, within="data"),
        careless_of_types("ok", yes=True, no=False, within="data"),
    ],
    ids=["errno == 0", "ok == 1", "data.errno == 0", "data.ok == 1"],
)
def test_the_contract_catches_who_takes_true_for_one_and_false_for_zero(contract):
    contract.test_a_confirmed_token_passes()
    contract.test_a_refused_token_fails()
    with pytest.raises(AssertionError, match=r"(false|1|0\.0|1\.0)\}+' passes"):
        contract.test_nothing_but_the_vendors_yes_passes()


def test_a_local_provider_is_told_which_contract_is_its_own():
    contract = ProviderContract()
    contract.provider, contract.token = TestAltcha.provider, TestAltcha.token
    contract.passes = contract.refuses = httpx.Response(200, json={})
    contract.decisive = ()
    for fact in (contract.test_a_confirmed_token_passes, contract.test_no_secret_stands_in_the_url):
        with pytest.raises(AssertionError, match="LocalProviderContract"):
            fact()


def test_a_provider_that_asks_is_told_which_contract_is_its_own():
    contract = LocalProviderContract()
    contract.provider, contract.token = TestYunpian.provider, TestYunpian.token
    with pytest.raises(AssertionError, match="ProviderContract"):
        contract.test_no_secret_stands_in_what_it_tells()


class CarelessAlone(Provider):
    """Signs the first half of its tokens, and has the other mistakes of those who judge by themselves."""

    type: Literal["careless"]
    secret: Secret
    client_fields: ClassVar = (ClientField("token"),)

    def account(self):
        return "an-id"

    def is_local(self, fields):
        return fields["token"].endswith("y")

    def claimed(self, fields, context):
        return Claimed(fields["token"] + self.secret.get_secret_value(), 1)

    def probes(self, verdict, context):
        return (self.verify({"token": ""}, context),)

    def verify(self, fields, context) -> VerifyFlow:
        yield from ()
        if fields["token"].startswith("genuine"):
            return Verdict.passed()
        return Verdict.unavailable(Reason.PROVIDER_ERROR)


class _CarelessAloneContract(LocalProviderContract):
    provider = CarelessAlone(type="careless", secret="a-secret-key")
    token: ClassVar = {"token": "genuine-and-y"}
    another: ClassVar = {"token": "genuine-and-z"}


@pytest.mark.parametrize(
    "fact",
    [
        "test_genuine_tokens_pass_and_nobody_is_asked",
        "test_a_changed_token_fails_or_is_the_same_claim",
        "test_a_refusal_blames_the_token",
        "test_a_claim_lasts_longer_than_its_token",
        "test_only_the_store_remembers",
        "test_there_is_no_outage_to_prove",
        "test_no_secret_stands_in_what_it_tells",
    ],
)
def test_the_contract_catches_a_careless_provider_that_judges_by_itself(fact):
    with pytest.raises(AssertionError):
        getattr(_CarelessAloneContract(), fact)()
