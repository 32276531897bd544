"""ALTCHA Sentinel: what its server signed is checked here, and nobody is asked. Does no I/O.

Rules from altcha.org/docs/v2/server-verification and from the vendor's libraries (server signatures): the signature is
the HMAC of the *digest* of `verificationData`, and what was signed counts, never what stands beside it.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, ClassVar, Final, Literal, NamedTuple
from urllib.parse import parse_qsl

from captcha_gate.decision import Verdict
from captcha_gate.outcome import Reason
from captcha_gate.providers.altcha_payload import FIELD, MARGIN, NotAltcha, account_of, decoded, too_short
from captcha_gate.providers.base import Provider, Reports, VerifyFlow
from captcha_gate.providers.context import Claimed, Context
from captcha_gate.scalars import Secret

__all__ = ["AltchaSentinel"]

#: What is read of a payload. `id` and `apiKey` stand beside what was signed, and are anybody's word.
_NAMES: Final = ("algorithm", "verificationData", "signature", "verified")
#: What else the server signed, for the application. A score's scale stands in no document: it is told as it is.
_DETAIL: Final = ("classification", "score", "reasons", "email", "ipAddress")


class AltchaSentinel(Provider):
    """An API key of an ALTCHA Sentinel server of one's own.

    The id that the server signed is claimed, so a payload is good once, and only in processes that share the store.
    Where the server judged form fields (`fields`, `fieldsHash`), these would have to be compared with the form, which
    a provider does not see: such payloads are refused, so leave the classification of fields off.

    Attributes:
        secret: the API key's.
        algorithm: of the signature and of the digest below it; a payload with another one is refused.
    """

    type: Literal["altcha-sentinel"]
    secret: Secret
    algorithm: Literal["SHA-256", "SHA-384", "SHA-512"] = "SHA-256"

    client_fields: ClassVar = (FIELD,)
    reports: ClassVar = frozenset({Reports.TIME})
    csp: ClassVar = ("blob:",)
    unsafe_styles: ClassVar = True
    needs_shared_store: ClassVar = True

    def oddities(self) -> Iterator[tuple[str, str]]:
        yield from too_short("secret", self.secret.get_secret_value())

    def account(self) -> str:
        return account_of(self.secret.get_secret_value(), self.type)

    def is_local(self, fields: Mapping[str, str]) -> bool:
        return True

    def claimed(self, fields: Mapping[str, str], context: Context) -> Claimed:
        """The signed id, until its payload expires. Only after `verify` passed: before, it is anybody's word."""
        signed = _payload(fields["altcha"]).told
        return Claimed(signed["id"], int(signed["expire"]) - context.now + MARGIN)

    def verify(self, fields: Mapping[str, str], context: Context) -> VerifyFlow:
        yield from ()
        try:
            payload = _payload(fields["altcha"])
        except NotAltcha as problem:
            return Verdict.failed(Reason.MALFORMED_TOKEN, str(problem))
        if not self._has_signed(payload):
            return Verdict.failed(provider_reason="wrong signature")
        told = payload.told
        if int(told["expire"]) <= context.now:
            return Verdict.failed(Reason.EXPIRED, "the payload has expired")
        if payload.verified is not True or told.get("verified") != "true":
            return Verdict.failed(provider_reason=f"not verified: {told.get('classification', 'no reason')}")
        if told.get("fields") or told.get("fieldsHash"):
            return Verdict.failed(provider_reason="relies on form fields, which this gate does not compare")
        return Verdict.passed(
            issued_at=_time(told.get("time", "")), detail={name: told[name] for name in _DETAIL if told.get(name)}
        )

    def _has_signed(self, payload: _Payload) -> bool:
        name = self.algorithm.replace("-", "").lower()
        digest = hashlib.new(name, payload.data.encode()).digest()
        signature = hmac.digest(self.secret.get_secret_value().encode(), digest, name).hex()
        return payload.algorithm == self.algorithm and hmac.compare_digest(payload.signature, signature)


class _Payload(NamedTuple):
    """What the page submits. Nothing of it counts before the signature held."""

    algorithm: str
    data: str
    signature: str
    verified: Any
    told: Mapping[str, str]  #: the content of `data`: an id and an expiry at least, and each name once


def _payload(field: str) -> _Payload:
    """Reads a payload.

    Raises:
        NotAltcha: no server could have signed it.
    """
    try:
        document = decoded(field)
        algorithm, data, signature, verified = (document[name] for name in _NAMES)
    except (KeyError, TypeError):
        raise NotAltcha("not a payload of ALTCHA Sentinel") from None
    if not all(isinstance(text, str) and text.isascii() for text in (algorithm, data, signature)):
        raise NotAltcha("the signature or what it covers has the wrong type")
    return _Payload(algorithm, data, signature, verified, _told(data))


def _told(data: str) -> dict[str, str]:
    try:
        pairs = parse_qsl(data, keep_blank_values=True, strict_parsing=True, max_num_fields=100)
    except ValueError:
        raise NotAltcha("verificationData is no form") from None
    told = dict(pairs)
    if len(told) < len(pairs) or not told.get("id") or not re.fullmatch("[0-9]{1,11}", told.get("expire", "")):
        raise NotAltcha("verificationData has no id or no expiry, or says something twice")
    return told


def _time(told: str) -> datetime | None:
    return datetime.fromtimestamp(int(told), UTC) if re.fullmatch("[0-9]{1,10}", told) else None
