"""The gate's own URLs, answered before any rule is asked. Where they are and what they say; performs no I/O."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, NamedTuple

from captcha_gate.effects import Flow
from captcha_gate.errors import BadReply, FetchError, StoreError
from captcha_gate.reply import RETRY_SOON, Reply, plain_reply
from captcha_gate.report import LOGGER

if TYPE_CHECKING:
    from captcha_gate.gate import Gate
    from captcha_gate.providers.base import ChallengingProvider
    from captcha_gate.request import RequestView
    from captcha_gate.rules import Policy

__all__ = ["Challenge", "Endpoints", "challenge_path"]


class Challenge(NamedTuple):
    """The endpoint of one provider's challenges."""

    name: str  #: of the provider in the policy
    provider: ChallengingProvider


def challenge_path(prefix: str, provider: str) -> str:
    """Where a provider of this name has its challenges in any case."""
    return f"{prefix}/{provider}/challenge"


class Endpoints:
    """`GET {prefix}/{provider}/challenge`, also at the provider's `challenge_path`, on exactly these paths."""

    def __init__(self, policy: Policy) -> None:
        from captcha_gate.providers.base import ChallengingProvider  # noqa: PLC0415 - a loaded policy has loaded it

        self._challenges: dict[str, Challenge] = {}
        for name, provider in policy.providers.items():
            if isinstance(provider, ChallengingProvider):
                self._challenges[challenge_path(policy.prefix, name)] = Challenge(name, provider)
                if provider.challenge_path is not None:
                    self._challenges[provider.challenge_path] = Challenge(name, provider)

    def has(self, path: str) -> bool:
        """Whether one of them stands at this path."""
        return path in self._challenges

    def find(self, view: RequestView) -> Challenge | None:
        """Which provider's challenge this request asks for; `None` for every other request."""
        return self._challenges.get(view.path_below_mount) if view.kind == "http" else None

    @staticmethod
    def answer(asked: Challenge, gate: Gate, view: RequestView) -> Flow[Reply]:
        """A fresh challenge. Never to be cached: a challenge that two people get, one of them cannot use."""
        if view.method not in ("GET", "HEAD"):
            return plain_reply(405, "Ask for a challenge with GET.", ("Allow", "GET, HEAD"))
        try:
            context = gate.context(view)
            challenge = yield from gate.vendors.issue(asked.provider, asked.provider.challenge(context), context)
        except BadReply as error:
            LOGGER.error("no challenge: provider=%s said=%r", asked.name, str(error))
        except (FetchError, StoreError) as error:
            LOGGER.warning("no challenge: provider=%s said=%r", asked.name, str(error))
        else:
            body = json.dumps(challenge, separators=(",", ":")).encode()
            return Reply.of(200, "application/json", body)
        return plain_reply(503, "No challenge can be had right now. Try again.", RETRY_SOON)
