"""`GET {prefix}/{provider}/challenge`, also at the provider's `challenge_path`: what its widget solves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from captcha_gate.effects import Flow
from captcha_gate.endpoints.base import Endpoint
from captcha_gate.errors import BadReply, FetchError, StoreError
from captcha_gate.replies.reply import RETRY_SOON, Reply, json_reply, plain_reply
from captcha_gate.report import LOGGER

if TYPE_CHECKING:
    from captcha_gate.gate import Gate
    from captcha_gate.providers.base import ChallengingProvider
    from captcha_gate.request import RequestView

__all__ = ["ChallengeEndpoint"]


class ChallengeEndpoint(Endpoint):
    """Challenges of one provider, never to be cached: one that two people get, one of them cannot use."""

    def __init__(self, name: str, provider: ChallengingProvider, gate: Gate) -> None:
        self.says = f"the challenges of provider {name}"
        self._name = name
        self._provider = provider
        self._gate = gate

    def answer(self, view: RequestView) -> Flow[Reply]:
        try:
            context = self._gate.context(view)
            challenge = yield from self._gate.vendors.issue(self._provider, self._provider.challenge(context), context)
        except BadReply as error:
            LOGGER.error("no challenge: provider=%s said=%r", self._name, str(error))
        except (FetchError, StoreError) as error:
            LOGGER.warning("no challenge: provider=%s said=%r", self._name, str(error))
        else:
            return json_reply(challenge)
        return plain_reply(503, "No challenge can be had right now. Try again.", RETRY_SOON)
