"""What a refused client is told: problem details (RFC 9457), a page, or a page on which to solve a CAPTCHA.

Shows public reasons only. Vendors' words, causes and the names of rules stay in the log: a client learns what to do
next, not how it was caught.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from werkzeug.datastructures import MIMEAccept
from werkzeug.http import parse_accept_header

from captcha_gate.decision import Decision
from captcha_gate.outcome import Outcome, Reason, status_of
from captcha_gate.replies.page import Pages, sendable
from captcha_gate.replies.reply import RETRY_SOON, Reply
from captcha_gate.replies.words import Words, words_for

if TYPE_CHECKING:
    from captcha_gate.request import RequestView
    from captcha_gate.rules import Policy, Rule

__all__ = ["Refusals"]

PROBLEM: Final = "application/problem+json"
_PAGE: Final = "text/html; charset=utf-8"
_RETRYABLE: Final = frozenset({Outcome.MISSING, Outcome.FAILED, Outcome.UNAVAILABLE})


class Refusals:
    """The refusals of one policy.

    Args:
        policy: what was decided by.
        new_nonce: makes what tells the page's own scripts and styles from any others.
    """

    def __init__(self, policy: Policy, new_nonce: Callable[[], str]) -> None:
        self._policy = policy
        self._pages = Pages(policy, new_nonce)

    def reply(self, decision: Decision, view: RequestView, form: bytes | None = None) -> Reply:
        """The reply to a refused request.

        Args:
            decision: what became of it.
            view: the request.
            form: its whole body, where that was read and is not long.
        """
        status = status_of(decision.outcome, decision.reason)
        words = words_for(view)
        headers = [("Vary", "Accept, Accept-Language"), ("Content-Language", words.language)]
        if status == 503:
            headers.append(RETRY_SOON)
        if status == 429:
            headers.append(("Retry-After", str(_seconds_to_wait(decision, self._policy))))
        if not _prefers_page(view):
            problem = _problem(decision, status, words, self._policy)
            return Reply.of(status, PROBLEM, json.dumps(problem, ensure_ascii=False).encode(), *headers)
        rule = self._policy.named.get(decision.rule)
        if rule is not None and rule.challenges and _may_solve(decision):
            page = self._pages.challenge(rule, decision, view, words, sendable(rule, view, form))
        else:
            page = self._pages.refusal(decision, words, typed=_retryable(decision) and view.method == "POST")
        return Reply.of(status, _PAGE, page.body, *headers, ("Content-Security-Policy", page.policy))


def _may_solve(decision: Decision) -> bool:
    return decision.outcome in (Outcome.MISSING, Outcome.FAILED) and decision.reason is not Reason.THROTTLED_CLIENT


def _retryable(decision: Decision) -> bool:
    return decision.outcome in _RETRYABLE and decision.reason is not Reason.THROTTLED_CLIENT


def _problem(decision: Decision, status: int, words: Words, policy: Policy) -> dict[str, Any]:
    title, advice = words.of(decision.outcome, decision.reason)
    return {
        "type": f"urn:captcha-gate:{decision.reason.value}",
        "title": title,
        "status": status,
        "detail": advice,
        "code": decision.reason.value,
        "retryable": _retryable(decision),
        **_about_provider(decision, policy),
    }


def _about_provider(decision: Decision, policy: Policy) -> dict[str, Any]:
    """What a script needs to draw the widget and to send its fields."""
    rule = policy.named.get(decision.rule)
    if decision.provider is None or rule is None:
        return {}
    provider = policy.providers[decision.provider]
    names = next(want.names for want in rule.wanted if want.provider == decision.provider)
    about: dict[str, Any] = {"provider": decision.provider, "fields": list(names.values())}
    if provider.site_key is not None:
        about["site_key"] = provider.site_key
    return about


def _seconds_to_wait(decision: Decision, policy: Policy) -> int:
    """The whole window: when it began is known to the store alone."""
    rule: Rule | None = policy.named.get(decision.rule)
    return math.ceil(rule.failed_limit.seconds) if rule and rule.failed_limit else int(RETRY_SOON[1])


def _prefers_page(view: RequestView) -> bool:
    accept = parse_accept_header(", ".join(view.headers.get_all("accept")), MIMEAccept)
    page = accept.quality("text/html")
    return page > max(accept.quality(PROBLEM), accept.quality("application/json"))
