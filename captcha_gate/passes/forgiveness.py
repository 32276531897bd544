"""Forgiveness: whoever passed and then mistyped a password need not solve again, once. Performs nothing.

The application refuses a request that passed; what was told of the pass stands for the client's next try on that rule.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from captcha_gate.effects import Flow
from captcha_gate.judge import judge
from captcha_gate.outcome import Outcome
from captcha_gate.passes.remembered import Pass, facts_of, verdict_of
from captcha_gate.passes.single_use import give, kept_for, take

if TYPE_CHECKING:
    from captcha_gate.request import RequestView
    from captcha_gate.rules import Rule

__all__ = ["forgive", "forgiven"]

_WHAT: Final = "forgiven"


def forgive(rule: Rule, passed: Pass, view: RequestView, new_id: str) -> Flow[str | None]:
    """The cookie for a request that passed and that the application refused; `None` where its rule forgives nothing.

    Args:
        rule: the request's.
        passed: who passed it, and what was told.
        view: the request.
        new_id: 32 random hexadecimal digits.

    Raises:
        StoreError: it cannot be remembered.
    """
    if rule.forgive is None:
        return None
    content = {"provider": passed.provider, **facts_of(passed.verdict)}
    return (yield from give(_WHAT, rule, view, new_id=new_id, content=content, ttl=rule.forgive.ttl))


def forgiven(rule: Rule, view: RequestView, now: float) -> Flow[Pass | None]:
    """The pass that stands for this request, and for no other from now on; `None` where there is none.

    Raises:
        StoreError: nobody can tell.
    """
    if rule.forgive is None:
        return None
    for kept in (yield from kept_for(_WHAT, rule, view)):
        provider = kept.content["provider"]
        verdict = judge(rule, verdict_of(kept.content), now)
        good = provider in rule.providers and verdict.outcome is Outcome.PASSED
        if good and (yield from take(kept, rule.forgive.ttl)):
            return Pass(provider, verdict)
    return None
