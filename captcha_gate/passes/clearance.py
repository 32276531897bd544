"""Clearance: a signed cookie that says "this browser passed, until …". Issues and checks it; performs nothing.

It holds what the provider told of the pass, and stands for a request only where the request's own rule would have
accepted that pass. Nobody can make one without the policy's key, and removing the key revokes all that it signed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from captcha_gate.effects import Flow, Increment
from captcha_gate.judge import judge
from captcha_gate.outcome import Outcome
from captcha_gate.passes.cookies import cookie_name, set_cookie
from captcha_gate.passes.remembered import Pass, facts_of, verdict_of

if TYPE_CHECKING:
    from pydantic import SecretStr

    from captcha_gate.decision import Verdict
    from captcha_gate.passes.signing import Signer
    from captcha_gate.request import RequestView
    from captcha_gate.rules import Clearance, Policy, Rule

__all__ = ["Clearances"]


class Clearances:
    """The clearances of one policy.

    Args:
        policy: its keys sign, its providers are those that can have passed somebody.
    """

    def __init__(self, policy: Policy) -> None:
        self._names = {provider.account_id: name for name, provider in policy.providers.items()}
        self._accounts = {name: account for account, name in self._names.items()}
        self._signer = _signer(policy.keys) if policy.keys else None

    def cookie(self, rule: Rule, passed: Pass, view: RequestView, now: float, new_id: str) -> str | None:
        """The cookie for a request that passed; `None` where its rule gives none.

        Args:
            rule: the request's.
            passed: who passed it, and what was told.
            view: the request.
            now: Unix time in seconds.
            new_id: random.
        """
        terms = rule.clearance
        if terms is None or self._signer is None:
            return None
        content = {
            "id": new_id,
            "realm": terms.realm,
            "end": now + terms.ttl,
            "uses": terms.uses,
            "network": view.neighbourhood if terms.bind_network else None,
            "account": self._accounts[passed.provider],
            "told": facts_of(passed.verdict),
        }
        return set_cookie(view, cookie_name(view, "clearance", terms.realm), self._signer.sign(content), terms.ttl)

    def cleared(self, rule: Rule, view: RequestView, now: float) -> Flow[Pass | None]:
        """The earlier pass that stands for a request; `None` where none does.

        Raises:
            StoreError: its uses cannot be counted.
        """
        terms = rule.clearance
        if terms is None:
            return None
        content = self._content(view.cookie(cookie_name(view, "clearance", terms.realm)))
        if content is None or not _is_for(content, terms, view, now):
            return None
        passed = self._pass(content, rule, now)
        if passed is None or content["uses"] is None:
            return passed
        used = yield from Increment(f"clearance:{content['id']}", content["end"] - now)
        return passed if used <= content["uses"] else None

    def _content(self, value: str | None) -> dict[str, Any] | None:
        return None if value is None or self._signer is None else self._signer.read(value)

    def _pass(self, content: dict[str, Any], rule: Rule, now: float) -> Pass | None:
        """The pass, where this rule would have accepted it from this provider."""
        name = self._names.get(content["account"])
        verdict: Verdict = judge(rule, verdict_of(content["told"]), now)
        return Pass(name, verdict) if name in rule.providers and verdict.outcome is Outcome.PASSED else None


def _is_for(content: dict[str, Any], terms: Clearance, view: RequestView, now: float) -> bool:
    """Whether a clearance is for this realm, this time and this network."""
    network = content["network"]
    if terms.bind_network and network is None:
        return False  # given when the rule did not ask for that yet
    return (
        content["realm"] == terms.realm and now < content["end"] and (network is None or network == view.neighbourhood)
    )


def _signer(keys: Sequence[SecretStr]) -> Signer:
    from captcha_gate.passes.signing import Signer  # noqa: PLC0415 - only a policy that signs cookies pays for it

    return Signer([key.get_secret_value() for key in keys], "clearance")
