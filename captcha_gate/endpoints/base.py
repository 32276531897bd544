"""What one of the gate's own URLs is, and where a provider's challenges stand. Answers nothing itself."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, ClassVar, Final

from captcha_gate.effects import Flow
from captcha_gate.replies.reply import Reply, plain_reply
from captcha_gate.rules import Action

if TYPE_CHECKING:
    from captcha_gate.request import RequestView
    from captcha_gate.rules import Policy, Rule

__all__ = ["OWN_NAMES", "Endpoint", "asked_rule", "challenge_path", "no_such_rule"]

#: What stands directly below the prefix, and can be no path of a provider's.
OWN_NAMES: Final = ("config", "gate.js", "verify")
_GET: Final = ("GET", "HEAD")


class Endpoint(ABC):
    """One of the gate's own URLs.

    Attributes:
        methods: those that it answers.
        says: what it is, for whoever asks the command line.
    """

    methods: ClassVar[tuple[str, ...]] = _GET
    says: str

    @abstractmethod
    def answer(self, view: RequestView) -> Flow[Reply]:
        """What it says to a request with one of its methods."""


def challenge_path(prefix: str, provider: str) -> str:
    """Where a provider of this name has its challenges in any case."""
    return f"{prefix}/{provider}/challenge"


def asked_rule(policy: Policy, view: RequestView) -> Rule | None:
    """The rule that the query names; `None` where it names none that verifies."""
    rule = policy.named.get(dict(view.query).get("rule"))
    return rule if rule is not None and rule.action is Action.VERIFY else None


def no_such_rule() -> Reply:
    """What is said where `asked_rule` finds none, and where a rule has not what is asked for."""
    return plain_reply(404, "No rule of this name is asked about here.")
