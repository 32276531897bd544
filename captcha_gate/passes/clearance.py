"""Clearance: a signed cookie that says "this browser passed, until …". Issues and checks it; performs nothing.

It holds what the provider told of the pass, and stands for a request only where the request's own rule would have
accepted that pass, and by that rule's own terms. Nobody can make one without the policy's key, and removing the key
revokes all that it signed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final

from captcha_gate.effects import Flow, Increment
from captcha_gate.judge import judge
from captcha_gate.outcome import Outcome
from captcha_gate.passes.cookies import cookie_name, drop_cookie, set_cookie
from captcha_gate.passes.remembered import FORMAT, Pass, facts_of, known_here, verdict_of

if TYPE_CHECKING:
    from pydantic import SecretStr

    from captcha_gate.decision import Verdict
    from captcha_gate.passes.signing import Signer
    from captcha_gate.request import RequestView
    from captcha_gate.rules import Clearance, Policy, Rule

__all__ = ["Clearances"]

#: Digits of the id by which a cookie is named. Each has a cookie of its own, or tabs and rules would overwrite each
#: other's.
_NAMED: Final = 8
#: Clearances of one realm that a browser keeps, the newest of them.
_KEPT: Final = 4
#: Seconds for which uses are counted beyond a clearance's end: other processes' clocks may be late.
_SKEW: Final = 60.0


class Clearances:
    """The clearances of one policy.

    Args:
        policy: its keys sign, its providers are those that can have passed somebody.
    """

    def __init__(self, policy: Policy) -> None:
        self._providers = policy.providers
        self._signer = _signer(policy.keys) if policy.keys else None

    def cookies(self, rule: Rule, passed: Pass, view: RequestView, now: float, new_id: str) -> list[str]:
        """The cookies for a request that passed: a new one, and the end of those that are too many.

        Args:
            rule: the request's.
            passed: who passed it, and what was told.
            view: the request.
            now: Unix time in seconds.
            new_id: random.

        Returns:
            Values of `Set-Cookie` headers; none where the rule gives no clearance, or it could never count.
        """
        terms = rule.clearance
        network = view.neighbourhood if terms and terms.bind_network else None
        if terms is None or self._signer is None or (terms.bind_network and network is None):
            return []
        content = {
            "format": FORMAT,
            "id": new_id,
            "realm": terms.realm,
            "at": now,
            "ttl": terms.ttl,
            "uses": terms.uses,
            "network": network,
            "provider": passed.provider,
            "account": passed.account,
            "told": facts_of(passed.verdict),
        }
        name = cookie_name(view, "clearance", terms.realm, new_id[:_NAMED])
        brought = [name for name, _ in self._brought(terms, view)]
        too_many = [drop_cookie(view, other) for other in brought[_KEPT - 1 :]]
        return [set_cookie(view, name, self._signer.sign(content), terms.ttl), *too_many]

    def cleared(self, rule: Rule, view: RequestView, now: float) -> Flow[Pass | None]:
        """The earlier pass that stands for a request; `None` where none does.

        Raises:
            StoreError: its uses cannot be counted.
        """
        terms = rule.clearance
        if terms is None:
            return None
        for _, content in list(self._brought(terms, view))[:_KEPT]:
            passed = self._pass(content, rule, now) if _is_for(content, terms, view, now) else None
            if passed is not None and (yield from _may_be_used(content, terms, rule, now)):
                return passed
        return None

    def _brought(self, terms: Clearance, view: RequestView) -> Iterator[tuple[str, dict[str, Any]]]:
        """The clearances of a realm that a request brings, with the names of their cookies, the newest first."""
        if self._signer is None:
            return
        beginning = cookie_name(view, "clearance", terms.realm, "")
        read = [
            (name, content)
            for name, value in view.own_cookies(beginning)
            if (content := self._signer.read(value)) is not None and content.get("format") == FORMAT
        ]
        yield from sorted(read, key=lambda item: -item[1]["at"])

    def _pass(self, content: dict[str, Any], rule: Rule, now: float) -> Pass | None:
        """The pass, where this rule would have accepted it from this provider."""
        if not known_here(content, rule, self._providers):
            return None
        verdict: Verdict = judge(rule, verdict_of(content["told"]), now)
        return Pass(content["provider"], content["account"], verdict) if verdict.outcome is Outcome.PASSED else None


def _is_for(content: dict[str, Any], terms: Clearance, view: RequestView, now: float) -> bool:
    """Whether a clearance is for this realm, this time and this network, by its own terms and by the rule's."""
    network = content["network"]
    if terms.bind_network and network is None:
        return False  # given by a rule, or at a time, that did not ask for that
    in_time = now < content["at"] + min(content["ttl"], terms.ttl)
    return content["realm"] == terms.realm and in_time and (network is None or network == view.neighbourhood)


def _may_be_used(content: dict[str, Any], terms: Clearance, rule: Rule, now: float) -> Flow[bool]:
    """Count one more use: of the clearance, and of it on this rule where that has another limit."""
    limits = {f"clearance:{content['id']}": content["uses"]}
    if terms.uses != content["uses"]:
        limits[f"clearance:{content['id']}:{rule.name}"] = terms.uses
    remembered = content["at"] + content["ttl"] - now + _SKEW
    for key, limit in limits.items():
        if limit is not None and (yield from Increment(key, remembered)) > limit:
            return False
    return True


def _signer(keys: Sequence[SecretStr]) -> Signer:
    from captcha_gate.passes.signing import Signer  # noqa: PLC0415 - only a policy that signs cookies pays for it

    return Signer([key.get_secret_value() for key in keys], "clearance")
