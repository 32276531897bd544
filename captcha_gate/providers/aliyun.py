"""Alibaba Cloud Captcha 2.0: one field from the page, one POST signed with ACS3-HMAC-SHA256. Does no I/O.

Rules from alibabacloud.com/help/en/captcha/captcha2-0: user-guide/server-access (parameters, reply, codes, lifetimes),
use-cases/server-api-access (the signature), and from what the vendor's script sends where these are silent: the field
is a JSON object, or one in base 64.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, ClassVar, Final, Literal
from urllib.parse import urlencode, urlsplit

import httpx

from captcha_gate.decision import Verdict
from captcha_gate.errors import BadReply
from captcha_gate.outcome import Reason
from captcha_gate.providers.asking import address
from captcha_gate.providers.base import RemoteProvider, VerifyFlow
from captcha_gate.providers.context import Claimed, Context
from captcha_gate.providers.reading import judged, meaning, text_of
from captcha_gate.providers.signatures import hmac_sha256, sha256_hex
from captcha_gate.scalars import AccountId, BaseUrl, Flag, ScriptUrl, Secret
from captcha_gate.tokens.fields import VISIBLE, ClientField

__all__ = ["Aliyun", "acs3"]

_FIELD: Final = "captchaVerifyParam"
#: A challenge is known for twenty minutes from when it was drawn; half as long again.
_CLAIM_TTL: Final = 1800.0
#: Passed, and passed because the client stands in the account's own list.
_PASSES: Final = frozenset({"T001", "T006"})
#: Passed because the scene is in test mode, in which everybody passes.
_TEST_PASS: Final = "T005"
#: What stands in the address of each region's server.
_SERVERS: Final[Mapping[str, str]] = MappingProxyType({"cn": "cn-shanghai", "sgp": "ap-southeast-1"})
#: What VerifyCode refuses for. `F005` is said of the SceneId that we tell; what is said of the page's, a client makes.
_REASONS: Final[Mapping[str, Reason]] = MappingProxyType(
    {
        "F005": Reason.BAD_CREDENTIALS,
        "F008": Reason.REPLAYED,
        "F018": Reason.REPLAYED,
        "F019": Reason.EXPIRED,
    }
)
#: API errors: whose fault they are. All others blame the token, for a client may have made them.
_ERRORS: Final[Mapping[str, Reason]] = MappingProxyType(
    {
        "InvalidAccessKeyId*": Reason.BAD_CREDENTIALS,
        "InvalidSecurityToken*": Reason.BAD_CREDENTIALS,
        "InvalidTimeStamp*": Reason.BAD_CREDENTIALS,
        "IncompleteSignature*": Reason.BAD_CREDENTIALS,
        "SignatureDoesNotMatch*": Reason.BAD_CREDENTIALS,
        "Forbidden*": Reason.BAD_CREDENTIALS,
        "NoPermission*": Reason.BAD_CREDENTIALS,
        "Throttling*": Reason.THROTTLED,
        "ServiceUnavailable*": Reason.PROVIDER_ERROR,
        "InternalError*": Reason.PROVIDER_ERROR,
    }
)


class Aliyun(RemoteProvider):
    """An Alibaba Cloud Captcha 2.0 scene.

    The page's script writes no field by itself: it hands `captchaVerifyParam` over, and the page submits it as it is, a
    text. It is sent on byte for byte. What the script makes up where it cannot start (F023) is refused by the vendor,
    and so here. `base_url: https://captcha.ap-southeast-1.aliyuncs.com` where the page's region is `sgp`.

    Attributes:
        access_key_id: of a RAM user that may do nothing else.
        access_key_secret: of the same.
        scene_id: the one that the page names. It is told from here, never from the page.
        test_mode: the scene is in test mode, where everybody passes. Without it, such a pass is a mistake of ours.
        prefix: the account's, which a page names; the gate's own script draws nothing without it.
        region: the page's.
    """

    type: Literal["aliyun"]
    access_key_id: AccountId
    access_key_secret: Secret
    scene_id: AccountId
    test_mode: Flag = False
    prefix: AccountId | None = None
    region: Literal["cn", "sgp"] = "cn"
    base_url: BaseUrl = "https://captcha.cn-shanghai.aliyuncs.com"
    script: ScriptUrl | None = "https://o.alicdn.com/captcha-frontend/aliyunCaptcha/AliyunCaptcha.js"

    client_fields: ClassVar = (ClientField(_FIELD, grammar=rf"{VISIBLE}|\{{[ -~]*\}}", max_length=16384),)
    csp: ClassVar = (
        "https://o.alicdn.com",
        "https://g.alicdn.com",
        "https://*.captcha-open.aliyuncs.com",
        "https://*.captcha-open-southeast.aliyuncs.com",
        "https://*.aliyuncs.com",
    )
    unsafe_styles: ClassVar = True

    def account(self) -> str:
        return self.scene_id

    @property
    def site_key(self) -> str:
        return self.scene_id

    @property
    def page_options(self) -> Mapping[str, Any]:
        return {"prefix": self.prefix, "region": self.region}

    def oddities(self) -> Iterator[tuple[str, str]]:
        yield from super().oddities()
        asked = next((region for region, server in _SERVERS.items() if server in self.base_url), self.region)
        if self.prefix and asked != self.region:
            yield "region", f"the server is another region's (write region: {asked}, or another base_url)"

    @property
    def for_tests(self) -> Mapping[str, str]:
        return {"test_mode": "a scene in test mode passes everybody"} if self.test_mode else {}

    def accepts(self, fields: Mapping[str, str]) -> bool:
        param = fields[_FIELD]
        return super().accepts(fields) and (not param.startswith("{") or _is_json(param))

    def claimed(self, fields: Mapping[str, str], context: Context) -> Claimed:
        return Claimed(fields[_FIELD], _CLAIM_TTL)

    def probe_fields(self, context: Context) -> Mapping[str, str]:
        made_up = {"sceneId": self.scene_id, "certifyId": context.token_hex(5), "deviceToken": context.token_hex(32)}
        return {_FIELD: json.dumps(made_up, separators=(",", ":"))}

    def verify(self, fields: Mapping[str, str], context: Context) -> VerifyFlow:
        form = {"CaptchaVerifyParam": fields[_FIELD], "SceneId": self.scene_id}
        body = urlencode(form).encode()
        headers = {
            "content-type": "application/x-www-form-urlencoded",
            "host": urlsplit(self.base_url).netloc,
            "x-acs-action": "VerifyIntelligentCaptcha",
            "x-acs-content-sha256": sha256_hex(body),
            "x-acs-date": datetime.fromtimestamp(context.now, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "x-acs-signature-nonce": context.token_hex(16),
            "x-acs-version": "2023-03-05",
        }
        key = self.access_key_secret.get_secret_value()
        signed = acs3(headers, sorted(headers), key_id=self.access_key_id, key=key)
        headers["authorization"] = signed
        response = yield httpx.Request("POST", address(f"{self.base_url}/"), headers=headers, content=body)
        return judged(response, self._verdict)

    def _verdict(self, reply: Mapping[str, Any]) -> Verdict:
        result = reply.get("Result")
        if not isinstance(result, Mapping):
            return _of_error(text_of(reply.get("Code")))
        passes, code = result.get("VerifyResult"), text_of(result.get("VerifyCode"))
        if type(passes) is not bool:
            raise BadReply("the VerifyResult is neither true nor false")
        if passes and code == _TEST_PASS and not self.test_mode:
            return Verdict.misconfigured(f"{code}: the scene is in test mode, in which everybody passes")
        if passes and (code in _PASSES or code == _TEST_PASS):
            return Verdict.passed(provider_reason=code)
        return Verdict.refused(_REASONS.get(code, Reason.INVALID_TOKEN), code)


def acs3(headers: Mapping[str, str], signed: Sequence[str], *, key_id: str, key: str) -> str:
    """The Authorization header of a POST to `/` without a query.

    Args:
        headers: what is sent, by lower-case names, the digest of the body among them.
        signed: the names of those that are signed, in order.
        key_id: of the access key.
        key: the secret of the access key.
    """
    lines = "".join(f"{name}:{headers[name].strip()}\n" for name in signed)
    canonical = f"POST\n/\n\n{lines}\n{';'.join(signed)}\n{headers['x-acs-content-sha256']}"
    signature = hmac_sha256(key.encode(), f"ACS3-HMAC-SHA256\n{sha256_hex(canonical)}").hex()
    return f"ACS3-HMAC-SHA256 Credential={key_id},SignedHeaders={';'.join(signed)},Signature={signature}"


def _is_json(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except (ValueError, RecursionError):
        return False


def _of_error(code: str) -> Verdict:
    if not code or code == "Success":
        raise BadReply("the reply has no Result")
    return Verdict.refused(meaning(code, _ERRORS) or Reason.INVALID_TOKEN, code)
