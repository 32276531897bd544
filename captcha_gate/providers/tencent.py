"""Tencent Cloud Captcha: two fields from the page, one POST signed with TC3-HMAC-SHA256. Does no I/O.

Rules from cloud.tencent.com/document/product/1110: 36926 (DescribeCaptchaResult: parameters, reply, codes), 36841 (the
page, tickets for disasters, what to do in an outage), and 1278/46715 (the signature).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Annotated, Any, ClassVar, Final, Literal
from urllib.parse import urlsplit

import httpx
from pydantic import BeforeValidator, WithJsonSchema

from captcha_gate.decision import Verdict
from captcha_gate.errors import BadReply
from captcha_gate.outcome import Reason
from captcha_gate.providers.asking import address, client_address
from captcha_gate.providers.base import RemoteProvider, Reports, VerifyFlow
from captcha_gate.providers.context import Claimed, Context
from captcha_gate.providers.reading import judged, meaning, text_of
from captcha_gate.providers.signatures import hmac_sha256, sha256_hex
from captcha_gate.scalars import AccountId, BaseUrl, ScriptUrl, Secret, whole
from captcha_gate.tokens.fields import VISIBLE, ClientField

__all__ = ["Tencent", "tc3"]

#: A ticket is good for five minutes, once; half as long again.
_CLAIM_TTL: Final = 450.0
_JSON: Final = "application/json"
_SIGNED: Final = "content-type;host"
#: The parameter is required; where we know no address that the vendor can have seen, this is none's.
_UNKNOWN: Final = "0.0.0.0"  # noqa: S104 - nothing is bound to it
#: What CaptchaCode refuses for. Not here, so that they blame the ticket: 16 and 100, a ticket of another account, or
#: our own account's numbers that do not fit. A client makes the first.
_REASONS: Final[Mapping[int, Reason]] = MappingProxyType({8: Reason.EXPIRED, 9: Reason.REPLAYED})
#: API errors: whose fault they are. All others blame the token, for a client may have made them.
_ERRORS: Final[Mapping[str, Reason]] = MappingProxyType(
    {
        "AuthFailure*": Reason.BAD_CREDENTIALS,
        "UnauthorizedOperation*": Reason.BAD_CREDENTIALS,
        "RequestLimitExceeded*": Reason.THROTTLED,
        "InternalError*": Reason.PROVIDER_ERROR,
    }
)
#: What EvilLevel says of a client that had better be stopped.
_EVIL: Final = 100

AppId = Annotated[int, BeforeValidator(whole(1, 10**12)), WithJsonSchema({"type": "integer", "minimum": 1})]


class Tencent(RemoteProvider):
    """A Tencent Cloud Captcha application.

    The page's script writes no field by itself: its callback hands `ticket` and `randstr` over, and the page submits
    both. A ticket that it makes up where it cannot load (`trerror_…`) is anybody's, and refused without a call. The
    score is `Score`, or where there is none `EvilLevel`, both of which count risk from 0 to 100; a level of 100 is
    refused. Tencent advises to accept where it cannot tell: a policy decides that, and an `InternalError` is an answer.
    Where an application's numbers do not fit each other, Tencent says what it says of a ticket of another
    application (16, 100): `captcha-gate verify` prints the code.

    Attributes:
        secret_id: of the API key.
        secret_key: of the API key.
        captcha_app_id: the application's, which the page names.
        app_secret_key: the application's.
    """

    type: Literal["tencent"]
    secret_id: AccountId
    secret_key: Secret
    captcha_app_id: AppId
    app_secret_key: Secret
    base_url: BaseUrl = "https://captcha.tencentcloudapi.com"
    script: ScriptUrl | None = "https://turing.captcha.qcloud.com/TJCaptcha.js"

    client_fields: ClassVar = (
        ClientField("ticket", grammar=rf"(?!tr?error_){VISIBLE}", max_length=4096),
        ClientField("randstr", max_length=256),
    )
    reports: ClassVar = frozenset({Reports.SCORE, Reports.TIME})
    csp: ClassVar = (
        "https://turing.captcha.qcloud.com",
        "https://*.captcha.qcloud.com",
        "https://*.gtimg.com",
    )
    unsafe_styles: ClassVar = True

    def account(self) -> str:
        return str(self.captcha_app_id)

    @property
    def site_key(self) -> str:
        return str(self.captcha_app_id)

    def claimed(self, fields: Mapping[str, str], context: Context) -> Claimed:
        return Claimed(fields["ticket"], _CLAIM_TTL)

    def verify(self, fields: Mapping[str, str], context: Context) -> VerifyFlow:
        body = json.dumps(
            {
                "CaptchaType": 9,
                "Ticket": fields["ticket"],
                "UserIp": client_address(context) or _UNKNOWN,
                "Randstr": fields["randstr"],
                "CaptchaAppId": self.captcha_app_id,
                "AppSecretKey": self.app_secret_key.get_secret_value(),
                "NeedGetCaptchaTime": 1,
            }
        ).encode()
        timestamp, host = int(context.now), urlsplit(self.base_url).netloc
        signed = tc3(
            body, host=host, timestamp=timestamp, secret_id=self.secret_id, key=self.secret_key.get_secret_value()
        )
        headers = {
            "Authorization": signed,
            "Content-Type": _JSON,
            "Host": host,
            "X-TC-Action": "DescribeCaptchaResult",
            "X-TC-Timestamp": str(timestamp),
            "X-TC-Version": "2019-07-22",
        }
        response = yield httpx.Request("POST", address(f"{self.base_url}/"), headers=headers, content=body)
        return judged(response, _verdict)


def tc3(body: bytes, *, host: str, timestamp: int, secret_id: str, key: str) -> str:
    """The Authorization header of a POST to `/` with a JSON body.

    Args:
        body: as it is sent.
        host: as the header has it.
        timestamp: Unix time in seconds, as X-TC-Timestamp has it.
        secret_id: of the API key.
        key: the secret of the API key.
    """
    day = datetime.fromtimestamp(timestamp, UTC).strftime("%Y-%m-%d")
    scope = f"{day}/captcha/tc3_request"
    canonical = f"POST\n/\n\ncontent-type:{_JSON}\nhost:{host}\n\n{_SIGNED}\n{sha256_hex(body)}"
    derived = f"TC3{key}".encode()
    for part in scope.split("/"):
        derived = hmac_sha256(derived, part)
    signature = hmac_sha256(derived, f"TC3-HMAC-SHA256\n{timestamp}\n{scope}\n{sha256_hex(canonical)}").hex()
    return f"TC3-HMAC-SHA256 Credential={secret_id}/{scope}, SignedHeaders={_SIGNED}, Signature={signature}"


def _verdict(reply: Mapping[str, Any]) -> Verdict:
    told = reply.get("Response")
    if not isinstance(told, Mapping):
        raise BadReply("the reply has no Response")
    error = told.get("Error")
    if isinstance(error, Mapping):
        api_code = text_of(error.get("Code"))
        return Verdict.refused(meaning(api_code, _ERRORS) or Reason.INVALID_TOKEN, api_code)
    code = told.get("CaptchaCode")
    # `True == 1` in Python: the type counts.
    if type(code) is not int:
        raise BadReply("the CaptchaCode is no number")
    words = f"{code} {text_of(told.get('CaptchaMsg'))}".strip()
    if code != 1:
        return Verdict.failed(_REASONS.get(code, Reason.INVALID_TOKEN), words)
    if told.get("EvilLevel") == _EVIL:
        return Verdict.failed(provider_reason=f"EvilLevel {_EVIL}")
    return _passed(told, words)


def _passed(told: Mapping[str, Any], words: str) -> Verdict:
    risks = (told.get("Score"), told.get("EvilLevel"))
    risk = next((risk for risk in risks if type(risk) is int and 0 <= risk <= 100), None)
    got = told.get("GetCaptchaTime")
    return Verdict.passed(
        provider_reason=words,
        score=None if risk is None else (100 - risk) / 100,
        raw_score=None if risk is None else float(risk),
        issued_at=datetime.fromtimestamp(got, UTC) if type(got) is int and 0 < got < 2**32 else None,
        detail={name: told[name] for name in ("EvilBitmap", "DeviceRiskCategory", "RequestId") if told.get(name)},
    )
