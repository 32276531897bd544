"""One middleware in front of any Python web application: a solved CAPTCHA wherever a policy asks for one.

from captcha_gate.asgi import CaptchaGate
app = CaptchaGate(app, policy="policy.yaml")
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from captcha_gate.decision import Decision, Verdict, decision_of
    from captcha_gate.errors import PolicyError
    from captcha_gate.markup import widget
    from captcha_gate.outcome import Outcome, Reason
    from captcha_gate.policy.load import load_policy
    from captcha_gate.providers.base import Provider
    from captcha_gate.rules import Policy

__all__ = [
    "Decision",
    "Outcome",
    "Policy",
    "PolicyError",
    "Provider",
    "Reason",
    "Verdict",
    "decision_of",
    "load_policy",
    "widget",
]

# Names are imported when they are first used, so that an adapter does not pay for what only a policy's loading needs.
_HOMES = {
    "Decision": "decision",
    "Outcome": "outcome",
    "Policy": "rules",
    "PolicyError": "errors",
    "Provider": "providers.base",
    "Reason": "outcome",
    "Verdict": "decision",
    "decision_of": "decision",
    "load_policy": "policy.load",
    "widget": "markup",
}


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version  # noqa: PLC0415 - takes longer to import than half of the package

        return version("captcha_gate")
    if name not in _HOMES:
        raise AttributeError(f"module 'captcha_gate' has no attribute {name!r}")
    return getattr(import_module(f"captcha_gate.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
