"""Tells all gates of this process what every CAPTCHA turns out to be, for the time of a test. Asks nobody, ever.

It replaces what stands between a rule and a verdict: how a token is found, what it is worth, whether a vendor is
down. What a rule matches, demands and does with a verdict is the gate's own code.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import count
from typing import TYPE_CHECKING, Any, TypedDict
from unittest import mock

from captcha_gate import gate as gate_module
from captcha_gate.decision import Basis, Decision, Verdict
from captcha_gate.effects import Flow
from captcha_gate.errors import FetchError, StoreError
from captcha_gate.gate import Gate
from captcha_gate.outcome import REASONS, Outcome, Reason
from captcha_gate.tokens.fields import TokenSettings, Wanted
from captcha_gate.tokens.find import Token
from captcha_gate.vendors import Vendors

if TYPE_CHECKING:
    from typing import Unpack

    import httpx

    from captcha_gate.providers.base import Provider
    from captcha_gate.providers.context import Context
    from captcha_gate.request import RequestView
    from captcha_gate.rules import Rule

__all__ = ["Captcha", "Told", "ruling"]


class Told(TypedDict, total=False):
    """What a provider may report of a token that it confirms, as `Verdict` describes it."""

    provider_reason: str
    score: float | None
    raw_score: float | None
    action: str | None
    hostname: str | None
    cdata: str | None
    issued_at: datetime | None
    detail: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class _Word:
    """What stands until the next word: a verdict, and which of its attributes the test gave itself."""

    verdict: Verdict
    given: frozenset[str] = field(default_factory=frozenset)


class Captcha:
    """What every CAPTCHA turns out to be. Without a further word, each passes.

    A word stands until the next one; in a `with` statement, until its end:

        captcha.passes(score=0.2)
        with captcha.fails("expired"):
            ...

    Attributes:
        decisions: what was decided during the test, in order. Requests that no rule concerns are not among them.
    """

    def __init__(self) -> None:
        self.decisions: list[Decision] = []
        self._word = _Word(Verdict.passed())

    def passes(self, **told: Unpack[Told]) -> AbstractContextManager[object]:
        """Every CAPTCHA passes.

        What a rule demands (`score`, `bind`, `max_age`) is met, but for what is given here: that is judged by the rule,
        `None` as a value that the provider did not report.

        Args:
            **told: what the provider reports, by the names of `Verdict`: `score` (0 to 1), `action`, `hostname`, …

        Raises:
            ValueError: the score is not between 0 and 1, or the time has no zone.
            TypeError: a provider reports nothing of that name.
        """
        score, issued_at = told.get("score"), told.get("issued_at")
        if score is not None and not 0 <= score <= 1:
            raise ValueError("a score is between 0 (bot) and 1 (human)")
        if issued_at is not None and issued_at.tzinfo is None:
            raise ValueError("issued_at needs a time zone: datetime.now(UTC)")
        return self._say(_Word(Verdict.passed(**told), frozenset(told)))

    def fails(self, reason: str = "invalid_token") -> AbstractContextManager[object]:
        """Every CAPTCHA fails, for a reason of the outcome `failed`.

        Raises:
            ValueError: there is no such reason.
        """
        return self._say(_Word(Verdict.failed(_reason(Outcome.FAILED, reason))))

    def unavailable(self, reason: str = "timeout") -> AbstractContextManager[object]:
        """Every provider is down, provably: `on_unavailable: allow` opens.

        But not where it never does: `throttled` is an answer, `store_error` nobody's outage, and a provider that
        verifies by itself has nobody to be down.

        Raises:
            ValueError: there is no such reason.
        """
        return self._say(_Word(Verdict.unavailable(_reason(Outcome.UNAVAILABLE, reason))))

    def misconfigured(self, reason: str = "bad_credentials") -> AbstractContextManager[object]:
        """Every provider refuses us.

        Raises:
            ValueError: there is no such reason.
        """
        return self._say(_Word(Verdict.misconfigured("", _reason(Outcome.MISCONFIGURED, reason))))

    def missing(self) -> AbstractContextManager[object]:
        """No request has a token."""
        return self._say(_Word(Verdict(outcome=Outcome.MISSING, reason=Reason.MISSING_TOKEN)))

    def verdict(self, rule: Rule, now: float) -> Verdict:
        """What a token is worth under a rule, at a Unix time.

        Raises:
            StoreError: the word is that the store cannot answer.
        """
        word = self._word
        if word.verdict.reason is Reason.STORE_ERROR:
            raise StoreError("told by the captcha fixture")
        if word.verdict.outcome is not Outcome.PASSED:
            return word.verdict
        met = {name: value for name, value in _demanded(rule, now).items() if name not in word.given}
        return replace(word.verdict, **met)

    def _say(self, word: _Word) -> AbstractContextManager[object]:
        before, self._word = self._word, word
        until = ExitStack()
        until.callback(setattr, self, "_word", before)
        return until


@contextmanager
def ruling() -> Iterator[Captcha]:
    """Let a new `Captcha` rule every gate of this process, those that are there and those to come, until the end."""
    captcha = Captcha()
    opened: defaultdict[str, Iterator[int]] = defaultdict(lambda: count(1))
    real_decide = Gate.decide

    def decide(gate: Gate, view: RequestView) -> Flow[Decision | None]:
        decision = yield from real_decide(gate, view)
        if decision is not None:
            captcha.decisions.append(decision)
        return decision

    def find_token(wanted: Sequence[Wanted], settings: TokenSettings, view: RequestView) -> Flow[Token]:
        yield from ()
        return Token(wanted[0].provider, settings.sources[0], {})

    def basis(gate: Gate, rule: Rule, token: Token, context: Context, view: RequestView) -> Flow[Basis]:
        yield from ()
        return Basis(None, captcha.verdict(rule, context.now))

    def proven_down(vendors: Vendors, provider: Provider, verdict: Verdict, context: Context) -> Flow[bool]:
        yield from ()
        return verdict.reason is not Reason.THROTTLED and bool(provider.probes(verdict, context))

    def increment(key: str, ttl: float) -> Flow[int]:
        # Counted here and not in the application's store, where one test would use up the rate of the next.
        yield from ()
        return next(opened[key])

    def fetch(vendors: Vendors, request: httpx.Request, deadline: float, *, probing: bool) -> Flow[httpx.Response]:
        # Verdicts need no vendor any more; a challenge of one may still be asked for.
        yield from ()
        raise FetchError(Reason.NETWORK, "nobody is asked while the captcha fixture rules")

    with (
        mock.patch.multiple(Gate, decide=decide, _basis=basis),
        mock.patch.multiple(gate_module, find_token=find_token, Increment=increment),
        mock.patch.multiple(Vendors, proven_down=proven_down, _fetch=fetch),
    ):
        yield captcha


def _reason(outcome: Outcome, reason: str) -> Reason:
    reasons = REASONS[outcome]
    if reason not in reasons:
        raise ValueError(f"{reason!r} is no reason of {outcome.value} (there are: {', '.join(reasons)})")
    return Reason(reason)


def _demanded(rule: Rule, now: float) -> dict[str, Any]:
    """What a verdict reports that meets a rule's demands; `None` where it demands nothing."""
    bind = rule.bind
    return {
        "score": 1.0 if rule.score else None,
        "action": bind.action,
        "hostname": bind.hostnames[0].replace("*.", "www.", 1) if bind.hostnames else None,
        "cdata": bind.cdata,
        "issued_at": datetime.fromtimestamp(now, UTC) if rule.max_age is not None else None,
    }
