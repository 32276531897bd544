"""What a provider that judges by itself must do, as a suite that a test class inherits. Asks nobody, keeps nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, ClassVar, Final

from captcha_gate.decision import Verdict
from captcha_gate.effects import Compute, Effect
from captcha_gate.outcome import REASONS, Outcome, Reason
from captcha_gate.providers.base import ChallengingProvider, ProviderFlow
from captcha_gate.testing.every_provider import EveryProvider, fact

__all__ = ["LocalProviderContract"]

#: What a character is changed to: at least one of them is another one, and well-formed.
_OTHERS: Final = "0Aa."


class LocalProviderContract(EveryProvider):
    """Inherit, set the three attributes, and pytest runs the contract. For a provider whose `is_local` says so.

    A provider `for_tests` may take a token again and again: it is never in a policy that protects anything.

    Attributes:
        provider: configured as an operator would.
        token: the fields of a genuine token, good at `context.now`.
        another: those of a second one.
        context: what the provider is told of the request; its `now` goes with the tokens.
    """

    another: ClassVar[Mapping[str, str]]

    def test_genuine_tokens_pass_and_nobody_is_asked(self) -> None:
        """It is local in what it says and in what it does."""
        for token in (self.token, self.another):
            fact(self.provider.is_local(token), "the provider does not say that it is local")
            fact(self.provider.accepts(token), "a genuine token is not well-formed")
            fact(self._verdict(token).outcome is Outcome.PASSED, "a genuine token does not pass")

    def test_a_changed_token_fails_or_is_the_same_claim(self) -> None:
        """What no signature covers anybody can vary: whatever passes must be known as the token that it was."""
        genuine = [self._claim(token) for token in (self.token, self.another)]
        for changed in self._changed():
            if self.provider.accepts(changed) and self._verdict(changed).outcome is Outcome.PASSED:
                fact(self._claim(changed) in genuine, "a changed token passes and is claimed as a new one")

    def test_a_refusal_blames_the_token(self) -> None:
        """Nothing that a client sends may look like an outage or like a mistake of ours."""
        for changed in self._changed():
            if self.provider.accepts(changed):
                verdict = self._verdict(changed)
                fact(verdict.outcome in (Outcome.PASSED, Outcome.FAILED), f"a changed token is {verdict.outcome}")
                fact(verdict.reason in REASONS[verdict.outcome], f"{verdict.reason} is no reason of {verdict.outcome}")

    def test_a_token_is_one_claim_and_another_is_another(self) -> None:
        """What is claimed is what passes once."""
        fact(self._claim(self.token), "nothing is claimed")
        fact(self._claim(self.token) == self._claim(self.token), "the same token is claimed in two ways")
        if not self.provider.for_tests:
            fact(self._claim(self.token) != self._claim(self.another), "every token is the same claim")

    def test_a_claim_lasts_longer_than_its_token(self) -> None:
        """A token that is still good when its claim is forgotten is good twice."""
        if not self.provider.for_tests:
            ttl = self.provider.claimed(self.token, self.context).ttl
            later = self._verdict(self.token, self.context.now + ttl)
            fact(later.outcome is not Outcome.PASSED, "the token passes when its claim has ended")

    def test_only_the_store_remembers(self) -> None:
        """There is no vendor who would refuse a second use, so processes must share one store."""
        fact(self.provider.needs_shared_store or self.provider.for_tests, "needs_shared_store is not said")

    def test_there_is_no_outage_to_prove(self) -> None:
        """Where nobody is asked, nothing can be down that a rule might open for."""
        probes = self.provider.probes(Verdict.unavailable(Reason.TIMEOUT), self.context)
        fact(not probes or self.provider.for_tests, "a local provider has a probe")

    def test_no_secret_stands_in_what_it_tells(self) -> None:
        """Claims go to a store, verdicts to the application, challenges to everybody."""
        told = [repr(self._verdict(self.token)), self._claim(self.token)]
        if isinstance(self.provider, ChallengingProvider):
            told.append(json.dumps(_concluded(self.provider.challenge(self.context))))
        for secret in self.provider.secrets:
            fact(not any(secret in text for text in told), "a secret stands in a claim, a verdict or a challenge")

    def _verdict(self, token: Mapping[str, str], now: float | None = None) -> Verdict:
        context = self.context if now is None else replace(self.context, now=now)
        verdict = _concluded(self.provider.verify(token, context))
        return verdict if isinstance(verdict, Verdict) else Verdict.misconfigured("no verdict")

    def _claim(self, token: Mapping[str, str]) -> str:
        return self.provider.claimed(token, self.context).value

    def _changed(self) -> Iterator[Mapping[str, str]]:
        """The token with one character changed, with fields cut and longer, and with one field of another token."""
        for name, value in self.token.items():
            for place, character in enumerate(value):
                for other in _OTHERS.replace(character, ""):
                    yield {**self.token, name: value[:place] + other + value[place + 1 :]}
            for other in (value[:-1], value + value[-1:], value + "0", self.another[name]):
                if other != value:
                    yield {**self.token, name: other}


def _concluded(flow: ProviderFlow[Any]) -> Any:
    """What a flow returns that asks no vendor. What it has computed is computed; the store knows nothing."""
    try:
        asked = next(flow)
        while True:
            fact(isinstance(asked, Effect), "the provider asks a vendor: for such a one there is ProviderContract")
            asked = flow.send(asked.call() if isinstance(asked, Compute) else None)
    except StopIteration as end:
        return end.value
    finally:
        flow.close()
