"""Forgiveness: whoever passed and then mistyped a password need not solve again, once. Performs nothing.

The application refuses a request that passed; what was told of the pass stands for the client's next try on that rule.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from captcha_gate.effects import Flow
from captcha_gate.judge import judge
from captcha_gate.outcome import Outcome
from captcha_gate.passes.remembered import FORMAT, Pass, facts_of, known_here, verdict_of
from captcha_gate.passes.single_use import give, kept_for, take

if TYPE_CHECKING:
    from captcha_gate.providers.base import Provider
    from captcha_gate.request import RequestView
    from captcha_gate.rules import Rule

__all__ = ["forgive", "forgiven"]

_WHAT: Final = "forgiven"


def forgive(rule: Rule, passed: Pass, view: RequestView, new_id: str) -> Flow[list[str]]:
    """The cookies for a request that passed and that the application refused; none where its rule forgives nothing.

    Args:
        rule: the request's.
        passed: who passed it, and what was told.
        view: the request.
        new_id: 32 random hexadecimal digits.

    Raises:
        StoreError: it cannot be remembered.
    """
    if rule.forgive is None:
        return []
    whose = {"format": FORMAT, "provider": passed.provider, "account": passed.account}
    content = {**whose, "told": facts_of(passed.verdict)}
    return (yield from give(_WHAT, rule, view, new_id=new_id, content=content, ttl=rule.forgive.ttl))


def forgiven(rule: Rule, view: RequestView, now: float, providers: Mapping[str, Provider]) -> Flow[Pass | None]:
    """The pass that stands for this request, and for no other from now on; `None` where there is none.

    Args:
        rule: the request's.
        view: the request.
        now: Unix time in seconds.
        providers: the policy's, by their names.

    Raises:
        StoreError: nobody can tell.
    """
    if rule.forgive is None:
        return None
    for kept in (yield from kept_for(_WHAT, rule, view)):
        if not known_here(kept.content, rule, providers):
            continue
        verdict = judge(rule, verdict_of(kept.content["told"]), now)
        if verdict.outcome is Outcome.PASSED and (yield from take(kept, rule.forgive.ttl)):
            return Pass(kept.content["provider"], kept.content["account"], verdict)
    return None
