"""A provider's verdict and the gate's decision, and how an application finds the latter. Neither decides anything."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from captcha_gate.outcome import REASONS, Mode, Outcome, Reason

__all__ = ["SCOPE_KEY", "Basis", "Decision", "Verdict", "decision_of"]

#: Where the decision stands in the ASGI scope and in the WSGI environ. No header can reach it: those are `HTTP_…`.
SCOPE_KEY: Final = "captcha_gate"
_AT_FAULT: Final[Mapping[Reason, Outcome]] = MappingProxyType(
    {
        reason: outcome
        for outcome in (Outcome.FAILED, Outcome.MISCONFIGURED, Outcome.UNAVAILABLE)
        for reason in REASONS[outcome]
    }
)


def _nothing() -> Mapping[str, Any]:
    return MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What a provider says of a token.

    Attributes:
        outcome: `passed`, `failed`, `unavailable` or `misconfigured`.
        reason: one of that outcome's reasons.
        provider_reason: the vendor's own words; for the log and the application, never for the client.
        score: 0 (bot) to 1 (human), whatever the vendor's own scale.
        raw_score: the score as the vendor gave it.
        issued_at: when the challenge was solved, aware and in UTC.
        detail: what else the vendor told.
    """

    outcome: Outcome
    reason: Reason
    provider_reason: str = ""
    score: float | None = None
    raw_score: float | None = None
    action: str | None = None
    hostname: str | None = None
    cdata: str | None = None
    issued_at: datetime | None = None
    detail: Mapping[str, Any] = field(default_factory=_nothing)

    @classmethod
    def passed(cls, **told: Any) -> Verdict:
        """The provider confirmed the token; `told` are the attributes that it reported with it."""
        return cls(outcome=Outcome.PASSED, reason=Reason.OK, **told)

    @classmethod
    def failed(cls, reason: Reason = Reason.INVALID_TOKEN, provider_reason: str = "", **told: Any) -> Verdict:
        """The provider refused the token: the client's fault, to be solved again."""
        return cls(outcome=Outcome.FAILED, reason=reason, provider_reason=provider_reason, **told)

    @classmethod
    def refused(cls, reason: Reason, provider_reason: str = "", **told: Any) -> Verdict:
        """No pass, for a reason that decides by itself whose fault that is.

        Raises:
            KeyError: a provider has no such reason.
        """
        return cls(outcome=_AT_FAULT[reason], reason=reason, provider_reason=provider_reason, **told)

    @classmethod
    def unavailable(cls, reason: Reason, provider_reason: str = "") -> Verdict:
        """The provider cannot answer: nobody's token is to blame."""
        return cls(outcome=Outcome.UNAVAILABLE, reason=reason, provider_reason=provider_reason)

    @classmethod
    def misconfigured(cls, provider_reason: str, reason: Reason = Reason.BAD_CREDENTIALS) -> Verdict:
        """The provider refused *us*: a wrong key, an unknown id, an exhausted account."""
        return cls(outcome=Outcome.MISCONFIGURED, reason=reason, provider_reason=provider_reason)


class Basis(NamedTuple):
    """Which token of which account a decision rests on, so that an inner gate does not ask twice."""

    claim: str | None  #: `None` where nothing was claimed, for the token did not get that far
    verdict: Verdict
    redirected: bool = False  #: the verdict is that of the request whose redirection this one follows


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What the gate concluded for a request: what the application finds in its scope or environ.

    Attributes:
        allowed: an enforcing gate forwards the request, annotated and opened included. False in the application
            only where `mode` is monitor.
        verified: a provider confirmed the token now, or an earlier pass stands for it (`cleared`).
        outcome: what became of the request.
        reason: why.
        provider_reason: the vendor's own words, e.g. `pass_token expire`.
        rule: the name of the rule that decided; `None` where none did.
        provider: the name, in the policy, of the provider that was asked.
        score: 0 (bot) to 1 (human); `None` where the provider reports none.
        raw_score: the score on the vendor's own scale.
        action: the vendor's label of what was protected.
        hostname: where the challenge was solved.
        issued_at: when it was solved, aware and in UTC.
        mode: the mode of the rule: in `monitor` the request was forwarded whatever `allowed` says.
        detail: what else the vendor told. Never a token field, never a secret.
    """

    allowed: bool
    verified: bool = False
    outcome: Outcome
    reason: Reason
    provider_reason: str = ""
    rule: str | None = None
    provider: str | None = None
    score: float | None = None
    raw_score: float | None = None
    action: str | None = None
    hostname: str | None = None
    issued_at: datetime | None = None
    mode: Mode = Mode.ENFORCE
    detail: Mapping[str, Any] = field(default_factory=_nothing)
    basis: Basis | None = field(default=None, repr=False, compare=False)

    @property
    def forwarded(self) -> bool:
        """Whether the application gets to see the request."""
        return self.allowed or self.mode is Mode.MONITOR

    @property
    def opened(self) -> bool:
        """Whether it was let through unverified because its provider is out of order."""
        return self.allowed and self.outcome is Outcome.UNAVAILABLE

    def as_dict(self) -> dict[str, Any]:
        """Plain values for a log: no token field and no secret is among them."""
        plain = {item.name: getattr(self, item.name) for item in fields(self) if item.name != "basis"}
        plain.update(outcome=self.outcome.value, reason=self.reason.value, mode=self.mode.value)
        plain.update(detail=dict(self.detail), issued_at=self.issued_at.isoformat() if self.issued_at else None)
        return plain


def decision_of(request: Any) -> Decision | None:
    """Find the gate's decision.

    Args:
        request: an ASGI scope, a WSGI environ, or a request object of Starlette, FastAPI, Flask, Werkzeug or Django.

    Returns:
        The decision; `None` where no rule matched and the policy allows that.

    Raises:
        LookupError: no gate ran in front of this application.
    """
    if isinstance(request, Mapping):
        carriers: list[Any] = [request]
    else:
        carriers = [getattr(request, name, None) for name in ("scope", "environ", "META")]
    for carrier in carriers:
        if isinstance(carrier, Mapping) and SCOPE_KEY in carrier:
            found = carrier[SCOPE_KEY]
            if found is None or isinstance(found, Decision):
                return found
    raise LookupError(
        "no captcha_gate ran for this request: wrap the application in captcha_gate.asgi.CaptchaGate "
        "or captcha_gate.wsgi.CaptchaGate"
    )
