"""The decision, written once: what becomes of a request, step by step. Performs no I/O, reads no clock."""

from __future__ import annotations

import hashlib
import secrets
import time
from collections.abc import Callable, Collection
from typing import TYPE_CHECKING

from captcha_gate.conclusions import cleared, concluded, exempt, place_of, refused, unreadable
from captcha_gate.decision import Basis, Decision, Verdict
from captcha_gate.echo import without_token
from captcha_gate.effects import Claim, Flow, Increment, ReadChunk, Release
from captcha_gate.errors import ClientGone, RepeatedField, StoreError, UnreadableRequest
from captcha_gate.failures import did_not_fail, may_try
from captcha_gate.judge import judge
from captcha_gate.outcome import Mode, Outcome, Reason
from captcha_gate.passes.afterwards import Answer, Left, after, matters
from captcha_gate.passes.clearance import Clearances
from captcha_gate.passes.forgiveness import forgiven
from captcha_gate.passes.openings import keep_open, opened_before
from captcha_gate.passes.redirects import told_again
from captcha_gate.passes.remembered import Pass
from captcha_gate.providers.context import Context
from captcha_gate.rules import Action, Policy, Rule
from captcha_gate.tokens.find import Token, find_token
from captcha_gate.vendors import Vendors

if TYPE_CHECKING:
    from captcha_gate.providers.base import Provider
    from captcha_gate.request import RequestView

__all__ = ["Gate"]


class Gate:
    """A policy at work.

    Args:
        policy: what to decide by.
        shared_store: whether the store is one for all processes.
        clock: Unix time in seconds.
        monotonic: seconds that only go forward, for deadlines.
        token_hex: makes a random string of twice that many hexadecimal digits.
    """

    def __init__(
        self,
        policy: Policy,
        *,
        shared_store: bool = False,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
        token_hex: Callable[[int], str] = secrets.token_hex,
    ) -> None:
        self.policy = policy
        self._shared_store = shared_store
        self._clock = clock
        self._token_hex = token_hex
        self._clearances = Clearances(policy)
        self.vendors = Vendors(monotonic)

    # README: the decision
    def decide(self, view: RequestView) -> Flow[Decision | None]:
        """What becomes of a request; `None` where no rule concerns it."""
        try:
            rule = self.policy.match(view)
        except UnreadableRequest as error:
            return unreadable(error.mode or self.policy.strictest_mode, error)
        if rule is None:
            return None
        if rule.mode is Mode.DISABLED:
            return exempt(rule, Reason.DISABLED)
        if rule.action is Action.ALLOW:
            return exempt(rule, Reason.RULE)
        if rule.action is Action.DENY:
            return refused(rule, Outcome.DENIED, Reason.RULE if rule.name else Reason.DEFAULT)
        return (yield from _guarded(rule, self._gated(rule, view)))

    def _gated(self, rule: Rule, view: RequestView) -> Flow[Decision]:
        """What a rule that verifies makes of a request: nothing to verify, an earlier pass, or its token."""
        if view.is_preflight and not rule.writes_out_options and not (yield from _has_body(rule, view)):
            return exempt(rule, Reason.PREFLIGHT)
        now = self._clock()
        earlier = yield from self._clearances.cleared(rule, view, now)
        if earlier is not None:
            return cleared(rule, Reason.CLEARANCE, earlier)
        earlier = yield from forgiven(rule, view, now, self.policy.providers)
        if earlier is not None:
            return cleared(rule, Reason.FORGIVEN, earlier)
        earlier = yield from opened_before(rule, view, self.policy.providers)
        if earlier is not None:
            return concluded(rule, earlier.provider, earlier.verdict, opens=True)
        return (yield from self._by_token(rule, view))

    def _by_token(self, rule: Rule, view: RequestView) -> Flow[Decision]:
        token = yield from find_token(rule.wanted, rule.token, view)
        if token is None:
            return refused(rule, Outcome.MISSING, Reason.MISSING_TOKEN, rule.providers[0])
        return (yield from self._verify(rule, token, view))

    def _verify(self, rule: Rule, token: Token, view: RequestView) -> Flow[Decision]:
        """Ask what the token is worth, judge that by the rule, open or refuse."""
        provider = self.policy.providers[token.provider]
        context = self.context(view)
        if not (yield from may_try(rule, view)):
            return concluded(rule, token.provider, Verdict.failed(Reason.THROTTLED_CLIENT, "not asked any more"))
        basis = yield from self._basis(rule, token, context, view)
        verdict = judge(rule, basis.verdict, context.now)
        if verdict.outcome is not Outcome.FAILED:
            yield from did_not_fail(rule, view)
        opens = False
        if verdict.outcome is Outcome.UNAVAILABLE:
            try:
                opens = yield from self._may_open(rule, provider, verdict, context)
            except StoreError:
                yield from _give_back(basis)
                raise
            if not opens:
                yield from _give_back(basis)
        return concluded(rule, token.provider, verdict, opens=opens, basis=basis)

    def _basis(self, rule: Rule, token: Token, context: Context, view: RequestView) -> Flow[Basis]:
        """Check the fields, take the token as used, ask the provider: its verdict, and the claim that it rests on."""
        provider = self.policy.providers[token.provider]
        if not provider.accepts(token.fields):
            return Basis(None, Verdict.failed(Reason.MALFORMED_TOKEN, "refused before any call"))
        if provider.needs_shared_store and view.many_processes and not self._shared_store:
            lacking = f"{provider.type} needs a store that all processes share, and this server runs several"
            return Basis(None, Verdict.misconfigured(lacking, Reason.INTERNAL_ERROR))
        verdict = None
        if provider.is_local(token.fields):
            # A forged proof may name any nonce: only a signed one is taken as used.
            verdict = yield from self.vendors.ask(provider, token.fields, context)
            if verdict.outcome not in (Outcome.PASSED, Outcome.UNAVAILABLE):
                return Basis(None, verdict)
        claim, ttl = _claim(provider, token, context)
        if view.outer and view.outer.basis and view.outer.basis.claim == claim:
            return view.outer.basis
        if not (yield from Claim(claim, ttl)):
            told = yield from told_again(rule.name, claim, view.path_from_root)
            return Basis(claim, told or Verdict.failed(Reason.REPLAYED, "used before"), redirected=told is not None)
        if verdict is None:
            verdict = yield from self.vendors.ask(provider, token.fields, context)
        return Basis(claim, without_token(verdict, (*token.fields.values(), *provider.secrets)))

    # README: end

    def decide_by_token(self, rule: Rule, view: RequestView) -> Flow[Decision]:
        """What the token of a request is worth under a rule, whatever passed before and whichever rule it matches."""
        return (yield from _guarded(rule, self._by_token(rule, view)))

    def matters(self, decision: Decision, view: RequestView) -> Collection[int]:
        """Which statuses of the application's answer to a request matter to later ones."""
        rule = self.policy.named.get(decision.rule)
        return () if rule is None else matters(rule, self._passed(decision), view)

    def answered(self, decision: Decision, view: RequestView, answer: Answer) -> Flow[Left]:
        """What the application's answer to a request leaves for later ones."""
        rule, passed = self.policy.named[decision.rule], self._passed(decision)
        clearances, now, new_id = self._clearances, self._clock(), self._new_id
        try:
            return (
                yield from after(decision, rule, passed, view, answer, clearances=clearances, now=now, new_id=new_id)
            )
        except Exception as error:  # noqa: BLE001 - a bug must not cost anybody the application's answer
            return Left([], forgotten=place_of(error))

    def cookies_for(self, decision: Decision, view: RequestView) -> Flow[list[str]]:
        """What a token is worth that came ahead of its request: a clearance, or that the rule opens.

        Raises:
            StoreError: it cannot be remembered.
        """
        rule, passed = self.policy.named[decision.rule], self._passed(decision)
        if passed is not None:
            return self._clearances.cookies(rule, passed, view, self._clock(), self._new_id())
        if not decision.opened or decision.provider is None:
            return []
        opened = Pass(decision.provider, self._account(decision.provider), Verdict.unavailable(decision.reason))
        return (yield from keep_open(rule, opened, view, self._new_id()))

    def _passed(self, decision: Decision) -> Pass | None:
        """What a request passed by, just now or before it was redirected here; `None` where it did not."""
        if not decision.verified or decision.basis is None or decision.provider is None:
            return None
        return Pass(decision.provider, self._account(decision.provider), decision.basis.verdict)

    def _account(self, provider: str) -> str:
        return self.policy.providers[provider].account_id

    def context(self, view: RequestView) -> Context:
        """What a provider may know of the request and of the world."""
        return Context(
            now=self._clock(),
            token_hex=self._token_hex,
            client_ip=view.client_ip,
            cookie=view.cookie,
        )

    def _new_id(self) -> str:
        return self._token_hex(16)

    def _may_open(self, rule: Rule, provider: Provider, verdict: Verdict, context: Context) -> Flow[bool]:
        """Whether an outage lets a request through: by the rule's word, on proof, and not too often."""
        if not rule.on_unavailable.allow:
            return False
        if not (yield from self.vendors.proven_down(provider, verdict, context)):
            return False
        rate = rule.on_unavailable.rate
        return rate is None or (yield from Increment(f"opened:{rule.name}", rate.seconds)) <= rate.limit


# README: the decision
def _guarded(rule: Rule, flow: Flow[Decision]) -> Flow[Decision]:
    """The decision of a flow; a refusal with a name where something goes wrong in it."""
    try:
        return (yield from flow)
    except UnreadableRequest as error:
        return unreadable(rule.mode, error, rule)
    except RepeatedField as error:
        return concluded(rule, error.provider, Verdict.failed(Reason.MALFORMED_TOKEN, "a field was given twice"))
    except StoreError as error:
        return concluded(rule, rule.providers[0], Verdict.unavailable(Reason.STORE_ERROR, str(error)))
    except ClientGone:
        raise
    except Exception as error:  # noqa: BLE001 - a bug, ours or a provider's, is a refusal and never a pass
        return concluded(rule, None, Verdict.misconfigured(place_of(error), Reason.INTERNAL_ERROR))


# README: end


def _claim(provider: Provider, token: Token, context: Context) -> tuple[str, float]:
    """The store's key for a used token, scoped by the provider's account, and its seconds."""
    used = provider.claimed(token.fields, context)
    return "claim:" + hashlib.sha256(f"{provider.account_id}\0{used.value}".encode()).hexdigest(), used.ttl


def _give_back(basis: Basis) -> Flow[None]:
    """Let the token of a request that is refused for an outage be tried again."""
    if basis.claim is not None:
        yield from Release(basis.claim)


def _has_body(rule: Rule, view: RequestView) -> Flow[bool]:
    """Whether something follows the headers although none of them said so. A preflight has nothing to send."""
    return False if view.body_is_announced else bool((yield from ReadChunk(rule.token.body_timeout)))
