"""The demo's two pages from their templates. Every value is escaped here and nowhere else."""

from __future__ import annotations

from functools import cache
from html import escape
from pathlib import Path
from string import Template
from typing import Any, Final

from captcha_gate.decision import Decision
from captcha_gate.providers.altcha import MAX_COUNTER

__all__ = ["decision_page", "login_page"]

#: What the application finds in a decision, in the order in which one asks.
MEANINGS: Final = {
    "outcome": "What became of the request.",
    "reason": "Why. A refused client is told this word.",
    "verified": "A provider confirmed the token just now.",
    "allowed": "The request may reach the application.",
    "rule": "The rule of the policy that decided.",
    "provider": "Who was asked, by its name in the policy.",
    "score": "0 bot to 1 human; a proof of work has none.",
    "mode": "Or monitor: decide, but refuse nothing.",
    "provider_reason": "The provider's own words, if it refused.",
    "action": "What it was made for, if the provider tells.",
    "hostname": "Where it was solved, if the provider tells.",
    "issued_at": "When it was solved, if the provider tells.",
    "detail": "Whatever else the provider told.",
}


def login_page(policy: str) -> str:
    """The form, beside the policy that protects it."""
    return _template("login").substitute(policy=escape(policy.strip()), counters=MAX_COUNTER)


def decision_page(decision: Decision, user: str, token: str) -> str:
    """What the gate decided, and the token, so that it can be sent a second time."""
    told = decision.as_dict()
    rows = "\n".join(_row(name, told[name], meaning) for name, meaning in MEANINGS.items())
    return _template("decision").substitute(
        user=escape(user) or "somebody", token=escape(token), rows=rows, outcome=escape(told["outcome"])
    )


def _row(name: str, value: Any, meaning: str) -> str:
    kind = "nothing" if value in (None, "", {}) else "yes" if value is True else "value"
    shown = value if isinstance(value, str) and value else repr(value)
    return (
        f'<div class="row"><dt>{name}</dt><dd class="{kind}"><code>{escape(shown)}</code></dd>'
        f'<dd class="meaning">{escape(meaning)}</dd></div>'
    )


@cache
def _template(name: str) -> Template:
    return Template((Path(__file__).parent / "pages" / f"{name}.html").read_text(encoding="utf-8"))
