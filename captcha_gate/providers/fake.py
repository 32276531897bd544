"""A provider whose tokens say in plain words what they are worth, for tests in browsers. Asks nobody, keeps nothing."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import ClassVar, Final, Literal

from captcha_gate.decision import Verdict
from captcha_gate.errors import FetchError
from captcha_gate.outcome import REASONS, Outcome, Reason
from captcha_gate.providers.base import Provider, Reports, VerifyFlow
from captcha_gate.providers.context import Claimed, Context
from captcha_gate.scalars import Text
from captcha_gate.tokens.fields import ClientField

__all__ = ["Fake"]

_WORDS: Final = {
    "fail": Outcome.FAILED,
    "unavailable": Outcome.UNAVAILABLE,
    "misconfigured": Outcome.MISCONFIGURED,
}
#: No vendor's outage: a vendor that throttles has answered, and the store is not a provider's to speak of.
_NO_OUTAGE: Final = frozenset({Reason.THROTTLED, Reason.STORE_ERROR})
#: The reasons that may stand after each word; the first is meant where none does.
_REASONS: Final[Mapping[str, tuple[Reason, ...]]] = {
    word: tuple(reason for reason in REASONS[outcome] if reason not in _NO_OUTAGE) for word, outcome in _WORDS.items()
}
_PASS: Final = re.compile(r"pass|score:(0(?:\.[0-9]{1,6})?|1(?:\.0{1,6})?)")
# Written with brackets, for a text that repeats the beginning of a token is taken out of every verdict.
_HELP: Final = "write pass, score:[0 to 1], fail[:reason], unavailable[:reason] or misconfigured[:reason]"


class Fake(Provider):
    """Readable tokens: `pass`, `score:0.3`, `fail`, `fail:expired`, `unavailable:network`, `misconfigured`.

    A token can be used again and again. It reports a score (1.0 unless the token says another), the time, and what is
    configured here, so that rules with demands can be tested.

    Attributes:
        action: what every passing token was made for.
        hostname: where it was solved.
        cdata: what the page bound it to.
    """

    type: Literal["fake"]
    action: Text | None = None
    hostname: Text | None = None
    cdata: Text | None = None

    client_fields: ClassVar = (ClientField("fake", grammar="[ -~]+", max_length=100),)
    reports: ClassVar = frozenset(Reports)

    @property
    def for_tests(self) -> Mapping[str, str]:
        return {"type": "verifies anything that says so"}

    def account(self) -> str:
        return "everybody's"

    def is_local(self, fields: Mapping[str, str]) -> bool:
        return True

    def claimed(self, fields: Mapping[str, str], context: Context) -> Claimed:
        return Claimed(context.token_hex(16), 1.0)

    def verify(self, fields: Mapping[str, str], context: Context) -> VerifyFlow:
        yield from ()
        token = fields["fake"]
        passing = _PASS.fullmatch(token)
        if passing is None:
            return _refusal(token)
        score = 1.0 if passing[1] is None else float(passing[1])
        return Verdict.passed(
            score=score,
            raw_score=score,
            action=self.action,
            hostname=self.hostname,
            cdata=self.cdata,
            issued_at=datetime.fromtimestamp(context.now, UTC),
        )

    def probes(self, verdict: Verdict, context: Context) -> Sequence[VerifyFlow]:
        return (_silence(),)


def _refusal(token: str) -> Verdict:
    word, colon, reason = token.partition(":")
    if word not in _WORDS:
        return Verdict.failed(provider_reason=_HELP)
    reasons = _REASONS[word]
    if not colon:
        return Verdict(outcome=_WORDS[word], reason=reasons[0])
    if reason not in reasons:
        return Verdict.failed(provider_reason=f"{word} takes one of {', '.join(reasons)}")
    return Verdict(outcome=_WORDS[word], reason=Reason(reason))


def _silence() -> VerifyFlow:
    """Nobody answers, so that an `unavailable` token opens a rule that opens on outages."""
    yield from ()
    raise FetchError(Reason.NETWORK, "there is nobody to ask")
