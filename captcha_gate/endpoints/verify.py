"""`POST {prefix}/verify?rule=…`: a token for a clearance. Decides nothing: the gate does."""

from __future__ import annotations

from typing import TYPE_CHECKING

from captcha_gate.effects import Flow
from captcha_gate.endpoints.base import Endpoint, asked_rule, no_such_rule
from captcha_gate.errors import StoreError
from captcha_gate.outcome import Mode, Outcome
from captcha_gate.replies.reply import RETRY_SOON, Reply, json_reply, plain_reply
from captcha_gate.report import LOGGER

if TYPE_CHECKING:
    from captcha_gate.gate import Gate
    from captcha_gate.replies.refusal import Refusals
    from captcha_gate.report import Reporter
    from captcha_gate.request import RequestView

__all__ = ["VerifyEndpoint"]


class VerifyEndpoint(Endpoint):
    """Takes a token and gives a clearance for it: for pages whose visitor is not sending a form."""

    methods = ("POST",)
    says = "a clearance for a token"

    def __init__(self, gate: Gate, refusals: Refusals, report: Reporter) -> None:
        self._gate = gate
        self._refusals = refusals
        self._report = report

    def answer(self, view: RequestView) -> Flow[Reply]:
        rule = asked_rule(self._gate.policy, view)
        if rule is None or rule.clearance is None:
            return no_such_rule()
        if rule.mode is Mode.DISABLED:
            return json_reply({"verified": False})
        decision = yield from self._gate.decide_by_token(rule, view)
        self._report(decision)
        if decision.outcome is not Outcome.PASSED and not decision.opened:
            return self._refusals.reply(decision, view)
        try:
            cookies = yield from self._gate.cookies_for(decision, view)
        except StoreError as error:
            LOGGER.warning("nothing was remembered of a token: rule=%s said=%r", rule.name, str(error))
            return plain_reply(503, "It cannot be remembered right now. Try again.", RETRY_SOON)
        if not cookies:
            LOGGER.warning("no clearance: rule=%s binds it to a network, and the client's is not known", rule.name)
            return plain_reply(503, "It cannot be remembered for you. Your address is not known here.")
        return json_reply({"verified": decision.verified}, *(("Set-Cookie", cookie) for cookie in cookies))
