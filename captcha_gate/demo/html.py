"""The demo's two pages from their templates. Every value is escaped here and nowhere else."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from html import escape
from pathlib import Path
from string import Template
from typing import Any, Final

from captcha_gate import Policy
from captcha_gate.decision import Decision
from captcha_gate.demo.sites import Site
from captcha_gate.providers.altcha import MAX_COUNTER
from captcha_gate.providers.base import ChallengingProvider

__all__ = ["decision_page", "login_page"]

#: What the application finds in a decision, in the order in which one asks.
MEANINGS: Final = {
    "outcome": "What became of the request.",
    "reason": "Why. A refused client is told this word.",
    "verified": "A provider confirmed the token just now.",
    "allowed": "The request may reach the application.",
    "rule": "The rule of the policy that decided.",
    "provider": "Who was asked, by its name in the policy.",
    "score": "0 bot to 1 human, if the provider scores.",
    "mode": "Or monitor: decide, but refuse nothing.",
    "provider_reason": "The provider's own words, if it has any.",
    "action": "What it was made for, if the provider tells.",
    "hostname": "Where it was solved, if the provider tells.",
    "issued_at": "When it was solved, if the provider tells.",
    "detail": "Whatever else the provider told.",
}
#: Characters of a value beside which its meaning still has room.
SHORT: Final = 12
#: How the gate came to let a request through.
LEADS: Final = {
    True: "The gate let your request through: it",
    False: "The gate let your request through unverified, for this rule opens in an outage: its provider is",
}


def login_page(site: Site, policy: Policy, *, down: bool) -> str:
    """The form, beside the policy that protects it.

    Args:
        site: whose widget stands in the form.
        policy: as it was loaded from the site's file.
        down: whether the vendor's server is.
    """
    kind = "stand-in" if site.vendor else "proof"
    values = {
        "title": escape(site.title),
        "note": escape(site.note),
        "challenge": escape(_challenge_url(policy)),
        "counters": MAX_COUNTER,
        "down": str(down).lower(),
    }
    return _template("login").substitute(
        kind=kind,
        policy=escape(site.policy.read_text(encoding="utf-8").strip()),
        form=_template(f"{kind}/form").substitute(values),
        tries=_template(f"{kind}/tries").substitute(values),
    )


def decision_page(decision: Decision, greeting: str, user: str, path: str, token: Mapping[str, str]) -> str:
    """What the gate decided, and the token's fields, so that they can be sent to `path` a second time."""
    told = decision.as_dict()
    return _template("decision").substitute(
        greeting=greeting,
        user=escape(user) or "somebody",
        path=escape(path),
        fields="\n".join(f'<input type="hidden" name="{name}" value="{escape(text)}">' for name, text in token.items()),
        verified="verified" if decision.verified else "opened",
        lead=LEADS[decision.verified],
        outcome=escape(told["outcome"]),
        rows="\n".join(_row(name, told[name], meaning) for name, meaning in MEANINGS.items()),
    )


def _challenge_url(policy: Policy) -> str:
    """Where the gate hands out the challenges of the policy's provider; empty where that has none."""
    [(name, provider)] = policy.providers.items()
    return f"{policy.prefix}/{name}/challenge" if isinstance(provider, ChallengingProvider) else ""


def _row(name: str, value: Any, meaning: str) -> str:
    kind = "nothing" if value in (None, "", {}) else "yes" if value is True else "value"
    shown = value if isinstance(value, str) and value else repr(value)
    row = "row" if len(shown) <= SHORT else "row long"
    return (
        f'<div class="{row}"><dt>{name}</dt><dd class="{kind}"><code>{escape(shown)}</code></dd>'
        f'<dd class="meaning">{escape(meaning)}</dd></div>'
    )


@cache
def _template(name: str) -> Template:
    return Template((Path(__file__).parent / "pages" / f"{name}.html").read_text(encoding="utf-8"))
