"""Yunpian ("Cloud Pian") behaviour verification: two fields from the page, one signed form POST. Does no I/O.

Rules from Yunpian's integration document of its second verification (parameters, signature, codes), and from recorded
traffic where the document is silent: refusals come with HTTP 200, and code 400 has four meanings told apart by `msg`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Final, Literal

from captcha_gate.decision import Verdict
from captcha_gate.errors import BadReply
from captcha_gate.outcome import Reason
from captcha_gate.providers.asking import address, form
from captcha_gate.providers.base import RemoteProvider, VerifyFlow
from captcha_gate.providers.context import Claimed, Context
from captcha_gate.providers.reading import judged, text_of
from captcha_gate.providers.signatures import sorted_md5
from captcha_gate.providers.user import UserOrRandom
from captcha_gate.scalars import AccountId, BaseUrl, ScriptUrl, Secret
from captcha_gate.tokens.fields import ClientField

__all__ = ["Yunpian"]

#: The document names no lifetime and no single use; ten minutes is what others of its kind allow, and half again.
_CLAIM_TTL: Final = 900.0
#: What `msg` says with code 400 when the mistake is ours.
_OURS: Final = frozenset({"signature_invalid", "captcha_id_invalid"})


class Yunpian(RemoteProvider):
    """A Yunpian account. `captcha_id` is what the page calls `appId`.

    The page's script puts the fields into no form by itself: its `onSuccess` hands `token` and `authenticate` over, and
    the page submits them. `token` is a name that other things go by, too: rename it with `fields` where it collides.
    """

    type: Literal["yunpian"]
    captcha_id: AccountId
    secret_id: AccountId
    secret_key: Secret
    user: UserOrRandom | None = None
    base_url: BaseUrl = "https://captcha.yunpian.com"
    script: ScriptUrl | None = "https://www.yunpian.com/static/official/js/libs/riddler-sdk-0.2.2.js"

    client_fields: ClassVar = (
        ClientField("token", max_length=1024),
        ClientField("authenticate", max_length=4096),
    )
    csp: ClassVar = ("https://www.yunpian.com", "https://captcha.yunpian.com")
    unsafe_styles: ClassVar = True

    def account(self) -> str:
        return self.captcha_id

    @property
    def site_key(self) -> str:
        return self.captcha_id

    def claimed(self, fields: Mapping[str, str], context: Context) -> Claimed:
        return Claimed(fields["token"], _CLAIM_TTL)

    def verify(self, fields: Mapping[str, str], context: Context) -> VerifyFlow:
        key = self.secret_key.get_secret_value()
        parameters = {
            "authenticate": fields["authenticate"],
            "captchaId": self.captcha_id,
            "nonce": str(int(context.token_hex(8), 16) % 99_999 + 1),
            "secretId": self.secret_id,
            "timestamp": str(int(context.now * 1000)),
            "token": fields["token"],
            "version": "1.0",
        }
        user = self.user.identify(context, key) if self.user else None
        if user is not None:
            parameters["user"] = user
        parameters["signature"] = sorted_md5(parameters, key)
        response = yield form(address(f"{self.base_url}/v1/api/authenticate"), parameters)
        return judged(response, _verdict)


def _verdict(reply: Mapping[str, Any]) -> Verdict:
    code, told = reply.get("code"), text_of(reply.get("msg"))
    # `False == 0` in Python: the type counts.
    if type(code) is not int:
        raise BadReply("the code is no number")
    if code == 0:
        return Verdict.passed(provider_reason=told)
    if code == 429:
        return Verdict.unavailable(Reason.THROTTLED, told)
    if code >= 500:
        return Verdict.unavailable(Reason.PROVIDER_ERROR, told)
    if code == 400 and told in _OURS:
        return Verdict.misconfigured(told)
    if code == 400:
        return Verdict.failed(Reason.INVALID_TOKEN, told)
    raise BadReply("the code is an unknown one")
