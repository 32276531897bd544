"""The gate's own URLs, answered before any rule is asked. Where they are and what they say; performs no I/O."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from captcha_gate.effects import Flow
from captcha_gate.errors import BadReply, FetchError
from captcha_gate.reply import RETRY_SOON, Reply, plain_reply

if TYPE_CHECKING:
    from captcha_gate.gate import Gate
    from captcha_gate.providers.base import ChallengingProvider
    from captcha_gate.request import RequestView
    from captcha_gate.rules import Policy

__all__ = ["Endpoints"]


class Endpoints:
    """`GET {prefix}/{provider}/challenge`, also at the provider's `challenge_path`, on exactly these paths."""

    def __init__(self, policy: Policy) -> None:
        from captcha_gate.providers.base import ChallengingProvider  # noqa: PLC0415 - a loaded policy has loaded it

        self._challenges: dict[str, ChallengingProvider] = {}
        for name, provider in policy.providers.items():
            if isinstance(provider, ChallengingProvider):
                self._challenges[f"{policy.prefix}/{name}/challenge"] = provider
                if provider.challenge_path is not None:
                    self._challenges[provider.challenge_path] = provider

    def has(self, path: str) -> bool:
        """Whether one of them stands at this path."""
        return path in self._challenges

    def find(self, view: RequestView) -> ChallengingProvider | None:
        """The provider whose challenge this request asks for; `None` for every other request."""
        return self._challenges.get(view.path_below_mount) if view.kind == "http" else None

    @staticmethod
    def answer(provider: ChallengingProvider, gate: Gate, view: RequestView) -> Flow[Reply]:
        """A fresh challenge. Never to be cached: a challenge that two people get, one of them cannot use."""
        if view.method not in ("GET", "HEAD"):
            return plain_reply(405, "Ask for a challenge with GET.", ("Allow", "GET, HEAD"))
        try:
            challenge = yield from gate.vendors.issue(provider, provider.challenge(gate.context(view)))
        except (FetchError, BadReply):
            return plain_reply(503, "No challenge can be had right now. Try again.", RETRY_SOON)
        body = json.dumps(challenge, separators=(",", ":")).encode()
        return Reply.of(200, "application/json", body)
