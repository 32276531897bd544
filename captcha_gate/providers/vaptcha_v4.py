"""VAPTCHA v4: four fields from the page, verified by a signature here or by the vendor's server. Does no I/O.

There is no public document of it; the rules are those that sites which use it agree in: the token is
`time.id.signature`, the signature is the HMAC-SHA256 of `time.ip.dfu.knock`, and the server's reply has a code within
a code. The id in the token is signed by nothing, so a token is known by its signature.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import partial
from types import MappingProxyType
from typing import Any, ClassVar, Final, Literal

import httpx
from pydantic import Field

from captcha_gate.decision import Verdict
from captcha_gate.errors import BadReply
from captcha_gate.outcome import Reason
from captcha_gate.providers.asking import address
from captcha_gate.providers.base import RemoteProvider, Reports, VerifyFlow
from captcha_gate.providers.context import Claimed, Context
from captcha_gate.providers.reading import judged, text_of
from captcha_gate.request import address_of
from captcha_gate.scalars import AccountId, BaseUrl, Duration, ScriptUrl, Secret
from captcha_gate.tokens.fields import ClientField

__all__ = ["VaptchaV4"]

#: Seconds by which the vendor's clock may be ahead of ours.
_SKEW: Final = 30.0
#: Seconds for which a signature is remembered beyond the token's end.
_MARGIN: Final = 300.0
#: Seconds for which one is remembered that the vendor's server judges: three times the longest life that is heard of.
_REMOTE_CLAIM_TTL: Final = 600.0
#: No dots inside: the signed text is joined with them, and a field that had some could pass for two.
_DOTLESS: Final = r"[!#$%&()*+,\-/0-9:;=?@A-Z\[\]^_`a-z{|}~]"
#: What the inner code of the server's reply refuses for.
_REASONS: Final[Mapping[int, Reason]] = MappingProxyType({2: Reason.EXPIRED})


class VaptchaV4(RemoteProvider):
    """A VAPTCHA v4 unit.

    Attributes:
        verified: `local` checks the signature with our own key and asks nobody; `remote` asks the vendor's server.
            The policy's key is `verify`.
        expires: seconds for which a token is good where we look ourselves; the server is said to allow thirty.
    """

    type: Literal["vaptcha-v4"]
    vid: AccountId
    key: Secret
    verified: Literal["local", "remote"] = Field("local", alias="verify")
    expires: Duration = 30.0
    base_url: BaseUrl = "https://v41.vaptcha.com"
    script: ScriptUrl | None = "https://c4.vaptcha.com/src/v4.js"

    client_fields: ClassVar = (
        ClientField("vaptcha_token", grammar=rf"[0-9]{{1,11}}\.{_DOTLESS}+\.[0-9a-f]{{64}}", max_length=1024),
        ClientField("vaptcha_knock", grammar=f"{_DOTLESS}+", max_length=512),
        ClientField("vaptcha_dfu", grammar=f"{_DOTLESS}*", max_length=512, may_be_empty=True),
        ClientField("vaptcha_ip", grammar="[0-9A-Fa-f.:]+", max_length=45),
    )
    other_names: ClassVar = (
        MappingProxyType(
            {"vaptcha_token": "token", "vaptcha_knock": "knock", "vaptcha_dfu": "dfu", "vaptcha_ip": "ip"}
        ),
    )
    reports: ClassVar = frozenset({Reports.TIME})
    needs_shared_store: ClassVar = True
    csp: ClassVar = ("https://*.vaptcha.com", "https://*.vaptcha.net")
    unsafe_styles: ClassVar = True

    def account(self) -> str:
        return self.vid

    @property
    def site_key(self) -> str:
        return self.vid

    def is_local(self, fields: Mapping[str, str]) -> bool:
        return self.verified == "local"

    def accepts(self, fields: Mapping[str, str]) -> bool:
        return super().accepts(fields) and address_of(fields["vaptcha_ip"]) is not None

    def claimed(self, fields: Mapping[str, str], context: Context) -> Claimed:
        """The signature: the id in the token is signed by nothing, and anybody could vary it."""
        signed_at, _, signature = fields["vaptcha_token"].split(".")
        if self.verified == "remote":
            return Claimed(signature, _REMOTE_CLAIM_TTL)  # the time in the token is anybody's word yet
        return Claimed(signature, max(int(signed_at) + self.expires - context.now, 0.0) + _MARGIN)

    def probe_fields(self, context: Context) -> Mapping[str, str]:
        return {
            "vaptcha_token": f"{int(context.now)}.{context.token_hex(8)}.{context.token_hex(32)}",
            "vaptcha_knock": context.token_hex(16),
            "vaptcha_dfu": context.token_hex(16),
            "vaptcha_ip": "192.0.2.1",
        }

    def verify(self, fields: Mapping[str, str], context: Context) -> VerifyFlow:
        if self.verified == "local":
            return self._checked(fields, context.now)
        names = ("token", "knock", "dfu", "ip")
        response = yield httpx.Request(
            "POST",
            address(f"{self.base_url}/api/verify"),
            json={
                "vid": self.vid,
                "vkey": self.key.get_secret_value(),
                **{name: fields[f"vaptcha_{name}"] for name in names},
            },
        )
        return judged(response, partial(self._verdict, _signed_at(fields)))

    def _checked(self, fields: Mapping[str, str], now: float) -> Verdict:
        signed_at, _, signature = fields["vaptcha_token"].split(".")
        text = ".".join((signed_at, fields["vaptcha_ip"], fields["vaptcha_dfu"], fields["vaptcha_knock"]))
        expected = hmac.new(self.key.get_secret_value().encode(), text.encode(), hashlib.sha256).hexdigest()
        if not hmac.compare_digest(signature, expected):
            return Verdict.failed(provider_reason="wrong signature")
        if not -_SKEW <= now - int(signed_at) <= self.expires:
            return Verdict.failed(Reason.EXPIRED, "the token is too old, or from the future")
        return Verdict.passed(issued_at=_signed_at(fields))

    def _verdict(self, signed_at: datetime, reply: Mapping[str, Any]) -> Verdict:
        code, data = reply.get("code"), reply.get("data")
        # `False == 0` in Python: the types count.
        if type(code) is not int:
            raise BadReply("the code is no number")
        if code != 0:
            return Verdict.failed(provider_reason=text_of(reply.get("msg")))
        if not isinstance(data, dict) or type(data.get("code")) is not int or not isinstance(data.get("result"), bool):
            raise BadReply("the data has no code and result of the right types")
        told = text_of(data.get("note")) or text_of(reply.get("msg"))
        if data["code"] == 0 and data["result"] is True and data.get("vid", self.vid) == self.vid:
            return Verdict.passed(provider_reason=told, issued_at=signed_at)
        return Verdict.failed(_REASONS.get(data["code"], Reason.INVALID_TOKEN), told)


def _signed_at(fields: Mapping[str, str]) -> datetime:
    return datetime.fromtimestamp(int(fields["vaptcha_token"].partition(".")[0]), UTC)
