"""An opened request that its browser has yet to send: on a challenge page, the token goes ahead of what was asked for.

Its provider was proven down when the token came, and the rule opens on that; the request that follows finds it said.
Performs nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from captcha_gate.decision import Verdict
from captcha_gate.effects import Flow
from captcha_gate.outcome import Reason
from captcha_gate.passes.remembered import FORMAT, Pass, known_here
from captcha_gate.passes.single_use import give, kept_for, take

if TYPE_CHECKING:
    from captcha_gate.providers.base import Provider
    from captcha_gate.request import RequestView
    from captcha_gate.rules import Rule

__all__ = ["keep_open", "opened_before"]

_WHAT: Final = "opened"
#: Seconds within which a page goes on to what was asked for.
_KEPT: Final = 60.0


def keep_open(rule: Rule, opened: Pass, view: RequestView, new_id: str) -> Flow[list[str]]:
    """The cookies for a token that could not be verified, on a rule that opens then.

    Raises:
        StoreError: it cannot be remembered.
    """
    whose = {"format": FORMAT, "provider": opened.provider, "account": opened.account}
    content = {**whose, "reason": opened.verdict.reason.value}
    return (yield from give(_WHAT, rule, view, new_id=new_id, content=content, ttl=_KEPT))


def opened_before(rule: Rule, view: RequestView, providers: Mapping[str, Provider]) -> Flow[Pass | None]:
    """The provider that was proven down, and why; `None` where the request was not opened before.

    Raises:
        StoreError: nobody can tell.
    """
    if not (rule.challenges and rule.on_unavailable.allow):
        return None
    for kept in (yield from kept_for(_WHAT, rule, view)):
        if known_here(kept.content, rule, providers) and (yield from take(kept, _KEPT)):
            verdict = Verdict.unavailable(Reason(kept.content["reason"]), "proven before")
            return Pass(kept.content["provider"], kept.content["account"], verdict)
    return None
