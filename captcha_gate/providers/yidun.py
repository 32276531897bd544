"""NetEase Yidun behaviour verification: one field from the page, one signed form POST. Does no I/O.

Rules from support.dun.163.com: "second verification" (parameters, signature, codes, twenty minutes, once), and from the
vendor's demos where these are silent: `user` must be there, if empty.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, ClassVar, Final, Literal

from captcha_gate.decision import Verdict
from captcha_gate.errors import BadReply
from captcha_gate.outcome import Reason
from captcha_gate.providers.asking import address, client_address, form
from captcha_gate.providers.base import RemoteProvider, VerifyFlow
from captcha_gate.providers.context import Claimed, Context
from captcha_gate.providers.reading import judged, text_of
from captcha_gate.providers.signatures import sorted_md5
from captcha_gate.providers.user import UserOrRandom
from captcha_gate.scalars import AccountId, BaseUrl, ScriptUrl, Secret
from captcha_gate.tokens.fields import ClientField

__all__ = ["Yidun"]

#: Twenty minutes is the most that an account can allow; half as long again.
_CLAIM_TTL: Final = 1800.0
#: What `error` says: a wrong signature, a wrong version, too many calls. 419, wrong parameters, may be the token's.
_ERRORS: Final[Mapping[int, Reason]] = MappingProxyType(
    {415: Reason.BAD_CREDENTIALS, 421: Reason.BAD_CREDENTIALS, 430: Reason.THROTTLED}
)


class Yidun(RemoteProvider):
    """A NetEase Yidun account (NECaptcha).

    After three failures to load, the vendor's wrapper for pages passes by itself and sends a token that says so
    (`sdkReduce`): anybody can bring that about, so such a token is refused.

    Experimental: from the vendor's documents alone. Nothing written elsewhere was run against it.
    """

    type: Literal["yidun"]
    captcha_id: AccountId
    secret_id: AccountId
    secret_key: Secret
    user: UserOrRandom | None = None
    base_url: BaseUrl = "https://c.dun.163.com"
    script: ScriptUrl | None = "https://cstaticdun.126.net/load.min.js"

    client_fields: ClassVar = (ClientField("NECaptchaValidate", max_length=8192),)
    csp: ClassVar = ("https://*.126.net", "https://*.163yun.com", "https://c.dun.163.com")
    unsafe_styles: ClassVar = True
    experimental: ClassVar = True

    def account(self) -> str:
        return self.captcha_id

    @property
    def site_key(self) -> str:
        return self.captcha_id

    def claimed(self, fields: Mapping[str, str], context: Context) -> Claimed:
        return Claimed(fields["NECaptchaValidate"], _CLAIM_TTL)

    def verify(self, fields: Mapping[str, str], context: Context) -> VerifyFlow:
        key = self.secret_key.get_secret_value()
        parameters = {
            "captchaId": self.captcha_id,
            "nonce": context.token_hex(16),
            "secretId": self.secret_id,
            "timestamp": str(int(context.now * 1000)),
            "user": (self.user.identify(context, key) if self.user else None) or "",
            "validate": fields["NECaptchaValidate"],
            "version": "v2",
        }
        ip = client_address(context)
        if ip is not None:
            parameters["clientIp"] = ip
        parameters["signature"] = sorted_md5(parameters, key)
        response = yield form(address(f"{self.base_url}/api/v2/verify"), parameters)
        return judged(response, _verdict)


def _verdict(reply: Mapping[str, Any]) -> Verdict:
    error, told = reply.get("error"), text_of(reply.get("msg"))
    # `False == 0` in Python: the type counts.
    if type(error) is not int:
        raise BadReply("the error is no number")
    words = f"{error} {told}".strip()
    if error == 0:
        return _result(reply, told)
    unlisted = Reason.PROVIDER_ERROR if error >= 500 else Reason.INVALID_TOKEN
    return Verdict.refused(_ERRORS.get(error, unlisted), words)


def _result(reply: Mapping[str, Any], told: str) -> Verdict:
    result = reply.get("result")
    if type(result) is not bool:
        raise BadReply("the result is neither true nor false")
    if not result:
        return Verdict.failed(provider_reason=told)
    if reply.get("sdkReduce") not in (None, False):
        return Verdict.failed(provider_reason="sdkReduce: passed in the browser, without a challenge")
    return Verdict.passed(provider_reason=told)
