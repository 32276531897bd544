"""What a pass leaves for later requests, once its application has answered: cookies, and what the store remembers.

Only a request that passed just now leaves anything: one that an earlier pass stood for, or that was opened, does not.
Performs nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from captcha_gate.effects import Flow
from captcha_gate.errors import StoreError
from captcha_gate.outcome import Outcome
from captcha_gate.passes.forgiveness import forgive
from captcha_gate.passes.redirects import STATUSES, redirected
from captcha_gate.passes.remembered import Pass

if TYPE_CHECKING:
    from captcha_gate.decision import Decision
    from captcha_gate.passes.clearance import Clearances
    from captcha_gate.request import RequestView
    from captcha_gate.rules import Rule

__all__ = ["Answer", "Left", "after", "leaves_something", "pass_of"]


class Answer(NamedTuple):
    """How the application answered."""

    status: int
    location: str  #: the header; empty where there is none


class Left(NamedTuple):
    """What is left.

    Attributes:
        cookies: values of `Set-Cookie` headers.
        forgotten: why something could not be remembered.
    """

    cookies: list[str]
    forgotten: str | None = None


def leaves_something(decision: Decision) -> bool:
    """Whether the answer to this request matters."""
    return decision.outcome is Outcome.PASSED and decision.basis is not None and decision.basis.claim is not None


def pass_of(decision: Decision) -> Pass | None:
    """The pass that a decision rests on; `None` where it does not rest on one of just now."""
    if not leaves_something(decision) or decision.basis is None or decision.provider is None:
        return None
    return Pass(decision.provider, decision.basis.verdict)


def after(
    decision: Decision,
    rule: Rule,
    view: RequestView,
    answer: Answer,
    *,
    clearances: Clearances,
    now: float,
    new_id: Callable[[], str],
) -> Flow[Left]:
    """What the answer to a request leaves.

    Args:
        decision: the request's.
        rule: the one that decided.
        view: the request.
        answer: the application's.
        clearances: makes the clearance's cookie.
        now: Unix time in seconds.
        new_id: makes 32 random hexadecimal digits.
    """
    passed = pass_of(decision)
    if passed is None:
        return Left([])
    cookies = [clearances.cookie(rule, passed, view, now, new_id())]
    forgotten = None
    try:
        if answer.status in STATUSES:
            yield from redirected(decision, view.path_from_root, answer.location)
        elif rule.forgive is not None and answer.status in rule.forgive.statuses:
            cookies.append((yield from forgive(rule, passed, view, new_id())))
    except StoreError as error:
        forgotten = str(error)
    return Left([cookie for cookie in cookies if cookie is not None], forgotten)
