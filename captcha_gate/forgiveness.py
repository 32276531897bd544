"""Forgiveness: whoever passed and then mistyped a password need not solve again, once. Performs nothing.

The application refuses a request that passed; its client gets a random id, in a cookie, and the store remembers what
was told of the pass. The next try on that rule that brings the id stands for it.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Final

from captcha_gate.cookies import cookie_name, set_cookie
from captcha_gate.effects import Claim, Flow, Get, Put
from captcha_gate.judge import judge
from captcha_gate.outcome import Outcome
from captcha_gate.remembered import Pass, facts_of, verdict_of

if TYPE_CHECKING:
    from captcha_gate.request import RequestView
    from captcha_gate.rules import Rule

__all__ = ["forgive", "forgiven"]

#: Whoever could guess an id would need no CAPTCHA.
_ID: Final = re.compile(r"[0-9a-f]{32}")
#: Digits of the id by which its cookie is named. Each has a cookie of its own, or tabs would overwrite each other's.
_NAMED: Final = 8
#: Cookies that are looked up for one request: more than a person has tabs.
_TRIED: Final = 8


def forgive(rule: Rule, passed: Pass, view: RequestView, new_id: str) -> Flow[str | None]:
    """The cookie for a request that passed and that the application refused.

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
    told = {"provider": passed.provider, **facts_of(passed.verdict)}
    yield from Put(_key(rule, new_id), json.dumps(told), rule.forgive.ttl)
    return set_cookie(view, _name(rule, view) + new_id[:_NAMED], new_id, rule.forgive.ttl)


def forgiven(rule: Rule, view: RequestView, now: float) -> Flow[Pass | None]:
    """The pass that stands for this request, and for no other from now on; `None` where there is none.

    Raises:
        StoreError: nobody can tell.
    """
    if rule.forgive is None:
        return None
    name = _name(rule, view)
    ids = dict.fromkeys(value for other, value in view.cookies if other == name + value[:_NAMED])
    for one in [value for value in ids if _ID.fullmatch(value)][:_TRIED]:
        key = _key(rule, one)
        told = yield from Get(key)
        if told is None:
            continue
        facts = json.loads(told)
        verdict = judge(rule, verdict_of(facts), now)
        good = facts["provider"] in rule.providers and verdict.outcome is Outcome.PASSED
        if good and (yield from Claim(f"{key}:used", rule.forgive.ttl)):
            return Pass(facts["provider"], verdict)
    return None


def _name(rule: Rule, view: RequestView) -> str:
    return cookie_name(view, "forgiven", str(rule.name), "")


def _key(rule: Rule, one: str) -> str:
    return f"forgiven:{rule.name}:{one}"
