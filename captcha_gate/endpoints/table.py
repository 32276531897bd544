"""Which of the gate's own URLs a request asks for, and how each may be asked. Knows no CAPTCHA."""

from __future__ import annotations

from typing import TYPE_CHECKING

from captcha_gate.effects import Flow
from captcha_gate.endpoints.base import Endpoint, challenge_path
from captcha_gate.endpoints.challenge import ChallengeEndpoint
from captcha_gate.endpoints.config import ConfigEndpoint
from captcha_gate.endpoints.script import ScriptEndpoint
from captcha_gate.endpoints.verify import VerifyEndpoint
from captcha_gate.replies.reply import Reply, plain_reply, preflight_reply

if TYPE_CHECKING:
    from captcha_gate.gate import Gate
    from captcha_gate.replies.refusal import Refusals
    from captcha_gate.report import Reporter
    from captcha_gate.request import RequestView

__all__ = ["Endpoints"]


class Endpoints:
    """All of a policy's, on exactly their paths below the mount point.

    Args:
        gate: decides what a token is worth.
        refusals: what is said where it is worth nothing.
        report: is told what was decided.

    Attributes:
        paths: where they stand, below the mount point.
    """

    def __init__(self, gate: Gate, refusals: Refusals, report: Reporter) -> None:
        from captcha_gate.providers.base import ChallengingProvider  # noqa: PLC0415 - a loaded policy has loaded it

        policy = gate.policy
        self._policy = policy
        self._all: dict[str, Endpoint] = {
            f"{policy.prefix}/config": ConfigEndpoint(policy, gate.context),
            f"{policy.prefix}/gate.js": ScriptEndpoint(),
            f"{policy.prefix}/verify": VerifyEndpoint(gate, refusals, report),
        }
        for name, provider in policy.providers.items():
            if isinstance(provider, ChallengingProvider):
                challenge = ChallengeEndpoint(name, provider, gate)
                self._all[challenge_path(policy.prefix, name)] = challenge
                if provider.challenge_path is not None:
                    self._all[provider.challenge_path] = challenge
        self.paths = frozenset(self._all)

    def find(self, view: RequestView) -> Endpoint | None:
        """The one that a request asks for; `None` for every other request."""
        return self._all.get(view.path_below_mount) if view.kind == "http" else None

    def answer(self, endpoint: Endpoint, view: RequestView) -> Flow[Reply]:
        """What an endpoint says to a request."""
        methods = ", ".join(endpoint.methods)
        if view.method == "OPTIONS" and view.header("access-control-request-method"):
            return preflight_reply(self._policy, view, methods)
        if view.method not in endpoint.methods:
            return plain_reply(405, f"Ask here with {endpoint.methods[0]}.", ("Allow", methods))
        return (yield from endpoint.answer(view))
