"""What a pass leaves for later requests, once its application has answered: cookies, and what the store remembers.

Only a request that passed just now leaves anything: one that an earlier pass stood for, or that was opened, does not.
Performs nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import TYPE_CHECKING, Final, NamedTuple

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

__all__ = ["Answer", "Left", "after", "matters"]

#: Statuses; 0 is one that a WSGI application made up.
_EVERY: Final = range(1000)


class Answer(NamedTuple):
    """How the application answered."""

    status: int
    location: str  #: the header; empty where there is none


class Left(NamedTuple):
    """What is left.

    Attributes:
        cookies: values of `Set-Cookie` headers.
        private: no shared cache may keep the answer, for it is one to somebody who passed.
        forgotten: why something could not be remembered.
    """

    cookies: list[str]
    private: bool = False
    forgotten: str | None = None


def matters(rule: Rule, passed: Pass | None, view: RequestView) -> Collection[int]:
    """The statuses of the application's answer that leave something; for most requests, those of a redirection only."""
    if is_behind_page(rule, view):
        return _EVERY
    if passed is None:
        return ()
    return STATUSES if rule.clearance is None and rule.forgive is None else _EVERY


def is_behind_page(rule: Rule, view: RequestView) -> bool:
    """Whether others would get a CAPTCHA for the same address, so that no shared cache may hand them this answer."""
    return rule.challenges and view.method in ("GET", "HEAD")


def after(
    decision: Decision,
    rule: Rule,
    passed: Pass | None,
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
        passed: what it passed by, just now or before it was redirected here; `None` where it did not.
        view: the request.
        answer: the application's.
        clearances: makes the clearance's cookies.
        now: Unix time in seconds.
        new_id: makes 32 random hexadecimal digits.
    """
    cookies: list[str] = []
    forgotten = None
    # Who is redirected gets a clearance at the end of the way: it would be used up on it.
    if passed is not None and answer.status not in STATUSES:
        cookies += clearances.cookies(rule, passed, view, now, new_id())
    try:
        # What an earlier pass stood for is neither remembered once more nor forgiven.
        if passed is not None and decision.outcome is Outcome.PASSED:
            cookies += yield from _remembered(decision, rule, passed, view, answer, new_id=new_id)
    except StoreError as error:
        forgotten = str(error)
    return Left(cookies, bool(cookies) or is_behind_page(rule, view), forgotten)


def _remembered(
    decision: Decision, rule: Rule, passed: Pass, view: RequestView, answer: Answer, *, new_id: Callable[[], str]
) -> Flow[list[str]]:
    if answer.status in STATUSES:
        yield from redirected(decision, view.path_from_root, answer.location)
    elif rule.forgive is not None and answer.status in rule.forgive.statuses:
        return (yield from forgive(rule, passed, view, new_id()))
    return []
