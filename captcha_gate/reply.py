"""What the gate says itself: a decision as problem details (RFC 9457) or as a page. Shows public reasons only.

Vendors' words, causes and the names of rules stay in the log: a client learns what to do next, not how it was caught.
"""

from __future__ import annotations

import html
import json
import math
from dataclasses import dataclass
from functools import cache
from string import Template
from typing import TYPE_CHECKING, Any, Final

from werkzeug.datastructures import MIMEAccept
from werkzeug.http import parse_accept_header

from captcha_gate.decision import Decision
from captcha_gate.outcome import Outcome, Reason, status_of

if TYPE_CHECKING:
    from captcha_gate.request import RequestView
    from captcha_gate.rules import Policy

__all__ = ["RETRY_SOON", "Reply", "plain_reply", "refusal"]

PROBLEM: Final = "application/problem+json"
PAGE: Final = "text/html; charset=utf-8"
#: Seconds after which to try again. Short: an outage that lasts is probed anew every five seconds.
RETRY_SOON: Final = ("Retry-After", "5")

#: On every reply: a refusal that somebody caches refuses people who did nothing.
_HEADERS: Final = (
    ("Cache-Control", "no-store"),
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "no-referrer"),
)
_PAGE_HEADERS: Final = (
    (
        "Content-Security-Policy",
        "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    ),
)

#: Title and what to do next, for each reason that a client can see.
_WORDS: Final[dict[Outcome | Reason, tuple[str, str]]] = {
    Outcome.DENIED: ("Not allowed", "This address is closed."),
    Outcome.MISSING: ("CAPTCHA required", "Solve the CAPTCHA, then send the request again with its fields."),
    Outcome.FAILED: ("CAPTCHA not accepted", "Solve a new CAPTCHA, then send the request again."),
    Reason.EXPIRED: ("CAPTCHA expired", "It took too long. Solve a new CAPTCHA, then send the request again."),
    Reason.REPLAYED: ("CAPTCHA already used", "Each CAPTCHA is good once. Solve a new one, then send again."),
    Reason.TOO_OLD: ("CAPTCHA expired", "It took too long. Solve a new CAPTCHA, then send the request again."),
    Reason.THROTTLED_CLIENT: ("Too many attempts", "Too many CAPTCHAs were not accepted. Wait, then try again."),
    Outcome.UNAVAILABLE: ("CAPTCHA cannot be checked", "The check is out of order right now. Try again in a moment."),
    Reason.OFFLINE: (
        "CAPTCHA cannot be checked",
        "It was solved while its vendor was out of order. Load a new one, then send the request again.",
    ),
    Outcome.MISCONFIGURED: ("CAPTCHA cannot be checked", "This site's check is out of order. It is not your fault."),
    Outcome.UNREADABLE: ("Request not understood", "The request could not be read safely."),
    Reason.BODY_TOO_LARGE: ("Request too large", "The CAPTCHA fields were not found within the size allowed here."),
    Reason.BODY_TOO_SLOW: ("Request too slow", "The request took too long to arrive. Send it again."),
    Reason.CONTENT_ENCODING: ("Request compressed", "Send the request's body without compression."),
}
#: For whoever sent a form: true in every browser, for the form's page was not ours.
_BACK: Final = "What you typed is still in the form: go back with your browser's Back button."
_RETRYABLE: Final = frozenset({Outcome.MISSING, Outcome.FAILED, Outcome.UNAVAILABLE})


@dataclass(frozen=True, slots=True)
class Reply:
    """A whole response. A HEAD request gets its headers only."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes

    @classmethod
    def of(cls, status: int, content_type: str, body: bytes, *headers: tuple[str, str]) -> Reply:
        """A response that is never cached."""
        own = (("Content-Type", content_type), ("Content-Length", str(len(body))))
        return cls(status, (*own, *_HEADERS, *headers), body)


def plain_reply(status: int, text: str, *headers: tuple[str, str]) -> Reply:
    """A response of one sentence."""
    return Reply.of(status, "text/plain; charset=utf-8", text.encode() + b"\n", *headers)


def refusal(decision: Decision, policy: Policy, view: RequestView) -> Reply:
    """What a refused client is told, in the form that it prefers."""
    status = status_of(decision.outcome, decision.reason)
    headers = [("Vary", "Accept")]
    if status == 503:
        headers.append(RETRY_SOON)
    if status == 429:
        headers.append(("Retry-After", str(_seconds_to_wait(decision, policy))))
    title, advice = _WORDS.get(decision.reason) or _WORDS[decision.outcome]
    if _prefers_page(view):
        back = _BACK if decision.outcome in _RETRYABLE and view.method == "POST" else ""
        words = {"title": title, "advice": advice, "back": back, "code": decision.reason.value}
        page = _page().substitute({name: html.escape(text) for name, text in words.items()})
        return Reply.of(status, PAGE, page.encode(), *headers, *_PAGE_HEADERS)
    problem: dict[str, Any] = {
        "type": f"urn:captcha-gate:{decision.reason.value}",
        "title": title,
        "status": status,
        "detail": advice,
        "code": decision.reason.value,
        "retryable": decision.outcome in _RETRYABLE and decision.reason is not Reason.THROTTLED_CLIENT,
    }
    problem.update(_about_provider(decision, policy))
    return Reply.of(status, PROBLEM, json.dumps(problem).encode(), *headers)


def _seconds_to_wait(decision: Decision, policy: Policy) -> int:
    """The whole window: when it began is known to the store alone."""
    rule = policy.named.get(decision.rule)
    return math.ceil(rule.failed_limit.seconds) if rule and rule.failed_limit else int(RETRY_SOON[1])


def _about_provider(decision: Decision, policy: Policy) -> dict[str, Any]:
    """What a script needs to draw the widget and to send its fields."""
    if decision.provider is None or decision.rule is None:
        return {}
    provider = policy.providers[decision.provider]
    wanted = policy.named[decision.rule].wanted
    names = next(want.names for want in wanted if want.provider == decision.provider)
    about: dict[str, Any] = {"provider": decision.provider, "fields": list(names.values())}
    if provider.site_key is not None:
        about["site_key"] = provider.site_key
    return about


def _prefers_page(view: RequestView) -> bool:
    accept = parse_accept_header(", ".join(view.headers.get_all("accept")), MIMEAccept)
    page = accept.quality("text/html")
    return page > max(accept.quality(PROBLEM), accept.quality("application/json"))


@cache
def _page() -> Template:
    from importlib.resources import files  # noqa: PLC0415 - only who is refused pays for it

    return Template(files("captcha_gate.pages").joinpath("refusal.html").read_text(encoding="utf-8"))
