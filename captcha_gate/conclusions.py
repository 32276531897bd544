"""The decisions that a gate can come to, as values made of a rule and of what was found. Asks nobody, finds nothing."""

from __future__ import annotations

import traceback
from dataclasses import replace
from pathlib import PurePath
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from captcha_gate.decision import Basis, Decision, Verdict
from captcha_gate.errors import UnreadableRequest
from captcha_gate.judge import annotates
from captcha_gate.outcome import Mode, Outcome, Reason
from captcha_gate.passes.remembered import Pass

if TYPE_CHECKING:
    from captcha_gate.rules import Rule

__all__ = ["cleared", "concluded", "exempt", "place_of", "refused", "unreadable"]

#: Frames of a bug's traceback that are named, the innermost first.
_FRAMES: Final = 5


def concluded(
    rule: Rule, provider: str | None, verdict: Verdict, *, opens: bool = False, basis: Basis | None = None
) -> Decision:
    """The decision that a verdict leads to under a rule."""
    passed = verdict.outcome is Outcome.PASSED
    annotated = verdict.outcome is Outcome.FAILED and annotates(rule, verdict.reason)
    decision = Decision(
        allowed=passed or annotated or opens,
        verified=passed,
        outcome=verdict.outcome,
        reason=verdict.reason,
        provider_reason=verdict.provider_reason,
        rule=rule.name,
        provider=provider,
        score=verdict.score,
        raw_score=verdict.raw_score,
        action=verdict.action,
        hostname=verdict.hostname,
        issued_at=verdict.issued_at,
        mode=rule.mode,
        detail=MappingProxyType(verdict.detail),
        basis=basis,
    )
    return _as_cleared(decision, Reason.REDIRECTED) if passed and basis is not None and basis.redirected else decision


def cleared(rule: Rule, reason: Reason, earlier: Pass) -> Decision:
    """The decision where an earlier pass stands for a request."""
    return _as_cleared(concluded(rule, earlier.provider, earlier.verdict), reason)


def _as_cleared(decision: Decision, reason: Reason) -> Decision:
    return replace(decision, outcome=Outcome.CLEARED, reason=reason)


def exempt(rule: Rule, reason: Reason) -> Decision:
    """The decision where a rule asks for nothing."""
    return Decision(allowed=True, outcome=Outcome.EXEMPT, reason=reason, rule=rule.name, mode=rule.mode)


def refused(rule: Rule, outcome: Outcome, reason: Reason, provider: str | None = None) -> Decision:
    """The decision where no token had to be looked at."""
    return Decision(allowed=False, outcome=outcome, reason=reason, rule=rule.name, provider=provider, mode=rule.mode)


def unreadable(mode: Mode, error: UnreadableRequest, rule: Rule | None = None) -> Decision:
    """The decision on a request that cannot be read, by a rule or before one was found."""
    if mode is Mode.DISABLED:
        return Decision(allowed=True, outcome=Outcome.EXEMPT, reason=Reason.DISABLED, mode=mode)
    return Decision(
        allowed=False,
        outcome=Outcome.UNREADABLE,
        reason=error.reason,
        rule=rule.name if rule else None,
        mode=mode,
        detail={"explanation": str(error)},
    )


def place_of(error: Exception) -> str:
    """The kind of a bug and where it is; not its message, which may quote the request."""
    frames = traceback.extract_tb(error.__traceback__)[-_FRAMES:]
    return f"{type(error).__name__} at " + " < ".join(
        f"{PurePath(f.filename).name}:{f.lineno}" for f in reversed(frames)
    )
