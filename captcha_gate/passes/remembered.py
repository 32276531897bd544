"""What a provider told of a pass, as plain values that can wait in the store or in a cookie, and back. No judge."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from captcha_gate.decision import Verdict

if TYPE_CHECKING:
    from captcha_gate.providers.base import Provider
    from captcha_gate.rules import Rule

__all__ = ["FORMAT", "Pass", "facts_of", "known_here", "verdict_of"]

#: Of what is kept. What another version of the gate kept in another way counts as nothing.
FORMAT: Final = 1
_PLAIN: Final = ("score", "raw_score", "action", "hostname", "cdata")


class Pass(NamedTuple):
    """An earlier pass that may stand for a request."""

    provider: str  #: its name in the policy
    account: str  #: whose token it was
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


def known_here(content: Mapping[str, Any], rule: Rule, providers: Mapping[str, Provider]) -> bool:
    """Whether what was kept is in our format, and of a provider that is on the rule, with the account that it has now.

    A name alone is not enough: policies that share a store, or that were changed, may mean another account by it.
    """
    name = content.get("provider")
    if content.get("format") != FORMAT or name not in rule.providers:
        return False
    return bool(providers[name].account_id == content.get("account"))
