"""Whether a verdict that a provider passed is good enough for a rule. Knows no vendor, no request and no clock."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from captcha_gate.decision import Verdict
from captcha_gate.outcome import Outcome, Reason
from captcha_gate.rules import OnFail, Rule

__all__ = ["annotates", "judge"]

#: Seconds by which a vendor's clock may differ from ours.
_SKEW: Final = 30.0


def judge(rule: Rule, verdict: Verdict, now: float) -> Verdict:
    """The verdict as this rule sees it: a pass that does not meet its demands has failed.

    What a rule demands and a verdict does not report counts as not met: a missing value never passes.
    """
    if verdict.outcome is not Outcome.PASSED:
        return verdict
    shortfall = _shortfall(rule, verdict, now)
    return verdict if shortfall is None else replace(verdict, outcome=Outcome.FAILED, reason=shortfall)


def annotates(rule: Rule, reason: Reason) -> bool:
    """Whether the rule forwards a request whose token failed for this reason."""
    if reason is Reason.THROTTLED_CLIENT:
        return False
    if rule.score and reason is Reason.LOW_SCORE and rule.score.below is OnFail.ANNOTATE:
        return True
    if rule.score and reason is Reason.MISSING_SCORE and rule.score.missing is OnFail.ANNOTATE:
        return True
    return rule.on_fail is OnFail.ANNOTATE


def _shortfall(rule: Rule, verdict: Verdict, now: float) -> Reason | None:
    bind = rule.bind
    if bind.hostnames and not _is_one_of(verdict.hostname, bind.hostnames):
        return Reason.HOSTNAME_MISMATCH
    if bind.action is not None and verdict.action != bind.action:
        return Reason.ACTION_MISMATCH
    if bind.cdata is not None and verdict.cdata != bind.cdata:
        return Reason.CDATA_MISMATCH
    if rule.max_age is not None and not _is_fresh(rule.max_age, verdict, now):
        return Reason.TOO_OLD
    # The score last: it is the only shortfall that a rule may forward by itself.
    if rule.score is not None and verdict.score is None:
        return Reason.MISSING_SCORE
    if rule.score is not None and verdict.score is not None and not verdict.score >= rule.score.minimum:
        return Reason.LOW_SCORE
    return None


def _is_one_of(hostname: str | None, allowed: tuple[str, ...]) -> bool:
    name = (hostname or "").lower().rstrip(".")
    return bool(name) and any(
        name == other or (other.startswith("*.") and name.endswith(other[1:])) for other in allowed
    )


def _is_fresh(max_age: float, verdict: Verdict, now: float) -> bool:
    if verdict.issued_at is None:
        return False
    return -_SKEW <= now - verdict.issued_at.timestamp() <= max_age
