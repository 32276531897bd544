"""What a provider told of a pass, as plain values that can wait in the store or in a cookie, and back. No judge."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, NamedTuple

from captcha_gate.decision import Verdict

__all__ = ["Pass", "facts_of", "verdict_of"]

_PLAIN: Final = ("score", "raw_score", "action", "hostname", "cdata")


class Pass(NamedTuple):
    """An earlier pass that may stand for a request."""

    provider: str  #: its name in the policy
    verdict: Verdict


def facts_of(verdict: Verdict) -> dict[str, Any]:
    """What a rule may demand of a pass: no token field, and none of the vendor's own words."""
    facts = {name: getattr(verdict, name) for name in _PLAIN}
    return {**facts, "issued_at": verdict.issued_at.isoformat() if verdict.issued_at else None}


def verdict_of(facts: Mapping[str, Any]) -> Verdict:
    """The verdict that the facts were taken from, as far as they go."""
    issued_at = facts["issued_at"]
    plain = {name: facts[name] for name in _PLAIN}
    return Verdict.passed(issued_at=datetime.fromisoformat(issued_at) if issued_at else None, **plain)
