"""GeeTest v4 ("adaptive CAPTCHA"): four fields from the page, one signed form POST. Does no I/O.

Rules from docs.geetest.com/gt4: apirefer/api/server (request, signature, reply), deploy/server and
apirefer/errorcode/server (error replies), bypass (backup hosts, which `base_url` selects).
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Mapping
from typing import Any, ClassVar, Final, Literal

import httpx

from captcha_gate.decision import Verdict
from captcha_gate.errors import BadReply
from captcha_gate.outcome import Reason
from captcha_gate.providers.asking import address, form
from captcha_gate.providers.base import RemoteProvider, VerifyFlow
from captcha_gate.providers.context import Claimed, Context
from captcha_gate.providers.reading import judged, text_of
from captcha_gate.scalars import AccountId, BaseUrl, ScriptUrl, Secret
from captcha_gate.tokens.fields import ClientField

__all__ = ["GeetestV4"]

#: GeeTest calls a lot_number good for about ten minutes (support/glossary); remembered for half as long again.
_CLAIM_TTL: Final = 900.0
#: Error codes that only our own configuration can cause: a captcha_id that is empty, illegal, unknown, deleted, paused.
_OURS: Final = frozenset(range(50101, 50106))
#: "runtime error": the only code that is GeeTest's own fault.
_THEIRS: Final = 50000
_REASONS: Final[Mapping[int, Reason]] = {
    50003: Reason.REPLAYED,  # illegal verify (repeated)
    50305: Reason.EXPIRED,  # lot_number expired
    50308: Reason.REPLAYED,  # payload used
}
#: What `reason` says when `result` is `fail`. Every other text is a plain refusal of the token.
_OUR_FAULTS: Final = frozenset({"sign_token error", "captcha_id error"})
_EXPIRED: Final = frozenset({"pass_token expire"})


class GeetestV4(RemoteProvider):
    """A GeeTest v4 account.

    `result` must be exactly `success`. A reply with `status: error` is a refusal and no outage: the client chooses
    `gen_time`, and a bad one makes GeeTest answer that way; whoever opens on it is opened by `gen_time=x`.

    Attributes:
        product: how the gate's own script draws it; `bind` is a window that opens when the form is sent.
    """

    type: Literal["geetest-v4"]
    captcha_id: AccountId
    captcha_key: Secret
    product: Literal["float", "popup", "bind"] = "float"
    base_url: BaseUrl = "https://gcaptcha4.geetest.com"
    script: ScriptUrl | None = "https://static.geetest.com/v4/gt4.js"

    client_fields: ClassVar = (
        ClientField("lot_number", max_length=256),
        ClientField("captcha_output", max_length=8192),
        ClientField("pass_token", max_length=1024),
        ClientField("gen_time", grammar="[0-9]{1,20}"),
    )
    csp: ClassVar = (
        "https://static.geetest.com",
        "https://static.geevisit.com",
        "https://dn-staticdown.qbox.me",
        "https://gcaptcha4.geetest.com",
        "https://gcaptcha4.geevisit.com",
        "https://gcaptcha4.gsensebot.com",
        "https://monitor.geetest.com",
    )
    unsafe_styles: ClassVar = True

    def account(self) -> str:
        return self.captcha_id

    @property
    def site_key(self) -> str:
        return self.captcha_id

    @property
    def page_options(self) -> Mapping[str, Any]:
        return {"product": self.product}

    def claimed(self, fields: Mapping[str, str], context: Context) -> Claimed:
        return Claimed(fields["lot_number"], _CLAIM_TTL)

    def probe_fields(self, context: Context) -> Mapping[str, str]:
        return {**super().probe_fields(context), "gen_time": str(int(context.now))}

    def verify(self, fields: Mapping[str, str], context: Context) -> VerifyFlow:
        response = yield self._request(fields)
        return judged(response, _verdict)

    def _request(self, fields: Mapping[str, str]) -> httpx.Request:
        key = self.captcha_key.get_secret_value().encode()
        return form(
            address(f"{self.base_url}/validate", captcha_id=self.captcha_id),
            {
                "lot_number": fields["lot_number"],
                "captcha_output": fields["captcha_output"],
                "pass_token": fields["pass_token"],
                "gen_time": fields["gen_time"],
                "sign_token": hmac.digest(key, fields["lot_number"].encode(), "sha256").hex(),
            },
        )


def _verdict(reply: Mapping[str, Any]) -> Verdict:
    if reply.get("status", "success") == "error":
        return _error(reply)
    if reply.get("status", "success") != "success":
        raise BadReply("the reply has neither status: success nor status: error")
    why = text_of(reply.get("reason"))
    told: dict[str, Any] = {"provider_reason": why}
    if isinstance(reply.get("captcha_args"), dict):
        told["detail"] = {"captcha_args": reply["captcha_args"]}
    match reply.get("result"):
        case "success":
            return Verdict.passed(**told)
        case "fail" if why in _OUR_FAULTS:
            return Verdict.misconfigured(why)
        case "fail":
            return Verdict.failed(Reason.EXPIRED if why in _EXPIRED else Reason.INVALID_TOKEN, **told)
    raise BadReply("the reply has neither result: success nor result: fail")


def _error(reply: Mapping[str, Any]) -> Verdict:
    # The Chinese documents print the codes with a minus sign, the English ones without.
    code = text_of(reply.get("code")).removeprefix("-")
    told = f"{code} {text_of(reply.get('msg'))}".strip()
    number = int(code) if re.fullmatch("[0-9]{1,9}", code) else 0
    if number in _OURS:
        return Verdict.misconfigured(told)
    if number == _THEIRS:
        return Verdict.unavailable(Reason.PROVIDER_ERROR, told)
    return Verdict.failed(_REASONS.get(number, Reason.INVALID_TOKEN), told)
