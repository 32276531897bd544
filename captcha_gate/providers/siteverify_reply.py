"""Replies of the siteverify family, as data: where a vendor's yes, its score and its errors stand. Asks nobody.

Read as strictly as the vendors' documents allow: a pass is exactly the value that they name (`is True`, never truthy),
and what a reply does not say in the type that they name, it does not say.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, Final, NamedTuple

import httpx

from captcha_gate.decision import Verdict
from captcha_gate.errors import BadReply
from captcha_gate.outcome import Outcome, Reason
from captcha_gate.providers.base import Reports
from captcha_gate.providers.reading import judged, meaning, text_of

__all__ = ["GOOGLES", "INVALID", "OURS", "Scale", "Told"]

OURS: Final = Reason.BAD_CREDENTIALS
INVALID: Final = Reason.INVALID_TOKEN
#: The codes that Google began and the others copied.
GOOGLES: Final[Mapping[str, Reason]] = MappingProxyType(
    {
        "missing-input-secret": OURS,
        "invalid-input-secret": OURS,
        "missing-input-response": INVALID,
        "invalid-input-response": INVALID,
        "bad-request": INVALID,
    }
)

#: Our own mistakes first, or nobody would mend them. An outage last: it alone can ever open a gate.
_ORDER: Final = (Outcome.MISCONFIGURED, Outcome.FAILED, Outcome.UNAVAILABLE)
#: A host as vendors tell it: with or without scheme and port. Anything else could mean two hosts to two readers.
_HOST: Final = re.compile(r"(?:https?://)?([a-z0-9_.-]+|\[[0-9a-f:.]+\])(?::[0-9]{1,5})?/?", re.IGNORECASE)


class Scale(NamedTuple):
    """Where a score stands, and what its ends mean: vendors count in both directions."""

    at: str
    bot: float = 0.0
    human: float = 1.0


def _nothing() -> Mapping[str, Any]:
    return MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What a vendor's replies say, and where. A place is a name, or several with dots between: `data.challenge.origin`.

    Attributes:
        passes: the places and exact values that together are the vendor's yes.
        errors: the places of error codes: a text, a number, or a list of them.
        reasons: what each documented code means. One that ends in `*` stands for all that begin so; one that begins
            with a status, `403 no`, counts with that status before the bare one. A code that is not here blames the
            token, for nothing that a client can provoke may become an outage; but with HTTP 401 or 403 it blames us,
            so the token's own codes have to be here where they come with these.
        score: the score's place and its two ends.
        action: the place of what the page said it was for.
        hostname: the place of the host, or the origin, where the challenge was solved.
        no_host: the word that stands there instead of one.
        cdata: the place of what the page bound the token to.
        time: the place of the time (ISO 8601, with its offset) when it was solved.
        detail: the places of what else the application may want to know.
        zeros: what stands at a place that is left out of an object that is there: JSON made by proto3 leaves zeros out.
        vetoes: the places and values that are a no in spite of the yes.
        vouched: the place of what is empty where the vendor says yes to everybody, for it is out of order itself.
    """

    passes: Mapping[str, bool | int | str] = field(default_factory=lambda: MappingProxyType({"success": True}))
    errors: tuple[str, ...] = ("error-codes",)
    reasons: Mapping[str, Reason] = field(default_factory=_nothing)
    score: Scale | None = None
    action: str | None = None
    hostname: str | None = None
    no_host: str | None = None
    cdata: str | None = None
    time: str | None = None
    zeros: Mapping[str, Any] = field(default_factory=_nothing)
    vetoes: Mapping[str, str] = field(default_factory=_nothing)
    detail: tuple[str, ...] = ()
    vouched: str | None = None

    @property
    def reports(self) -> frozenset[Reports]:
        """What a verdict can carry."""
        places = {
            Reports.SCORE: self.score,
            Reports.ACTION: self.action,
            Reports.HOSTNAME: self.hostname,
            Reports.CDATA: self.cdata,
            Reports.TIME: self.time,
        }
        return frozenset(what for what, place in places.items() if place is not None)

    def judge(self, response: httpx.Response) -> Verdict:
        """The verdict of a reply.

        Raises:
            BadReply: it is not what the vendor's documents describe.
        """
        return judged(response, lambda reply: self.verdict(reply, response.status_code))

    def verdict(self, reply: Mapping[str, Any], status: int) -> Verdict:
        """The verdict of a reply's words, which came with this HTTP status.

        Raises:
            BadReply: they are neither a yes nor a no.
        """
        said = [(self._found(reply, place), yes) for place, yes in self.passes.items()]
        # `True == 1` in Python: the type counts.
        understood = all(type(value) is type(yes) for value, yes in said)
        if understood and all(value == yes for value, yes in said):
            return self._passed(reply)
        codes = list(self.codes(reply))
        if understood or (status >= 400 and codes):
            return self._refused(codes, status)
        raise BadReply("the reply says neither yes nor no")

    def codes(self, reply: Mapping[str, Any]) -> Iterator[str]:
        """The error codes of a reply, without characters that could forge a log line."""
        for place in self.errors:
            told = _found(reply, place)
            for code in told if isinstance(told, list) else [told]:
                if type(code) in (str, int) and code != "":
                    yield text_of(code)

    def _found(self, reply: Mapping[str, Any], place: str) -> Any:
        outer, _, name = place.rpartition(".")
        inner = _found(reply, outer) if place in self.zeros else None
        return self.zeros[place] if isinstance(inner, Mapping) and name not in inner else _found(reply, place)

    def _passed(self, reply: Mapping[str, Any]) -> Verdict:
        if self.vouched is not None and not _found(reply, self.vouched):
            return Verdict.unavailable(Reason.PROVIDER_ERROR, f"a yes without {self.vouched} proves nothing")
        raw = _number(self._found(reply, self.score.at), self.score) if self.score is not None else None
        detail = {place: _found(reply, place) for place in self.detail}
        host = _text(reply, self.hostname)
        told: dict[str, Any] = {
            "score": None if raw is None or self.score is None else _humanity(raw, self.score),
            "raw_score": raw,
            "action": _text(reply, self.action),
            "hostname": None if host == self.no_host else _host(host),
            "cdata": _text(reply, self.cdata),
            "issued_at": _time(_text(reply, self.time)),
            "detail": MappingProxyType({place: value for place, value in detail.items() if value is not None}),
        }
        vetoes = [f"{place} {no}" for place, no in self.vetoes.items() if _found(reply, place) == no]
        return Verdict.failed(provider_reason=vetoes[0], **told) if vetoes else Verdict.passed(**told)

    def _refused(self, codes: list[str], status: int) -> Verdict:
        words = ", ".join(codes) or f"HTTP {status}"
        known = [meaning(f"{status} {code}", self.reasons) or meaning(code, self.reasons) for code in codes]
        if status in (401, 403) and not any(known):
            return Verdict.misconfigured(words)
        verdicts = [Verdict.refused(reason or INVALID, words) for reason in known or [None]]
        # Of several, the one that says most.
        return min(verdicts, key=lambda verdict: (_ORDER.index(verdict.outcome), verdict.reason is INVALID))


def _found(reply: Any, place: str) -> Any:
    """What stands at a place of a reply; `None` where nothing does."""
    for name in place.split("."):
        reply = reply.get(name) if isinstance(reply, Mapping) else None
    return reply


def _text(reply: Mapping[str, Any], place: str | None) -> str | None:
    value = _found(reply, place) if place is not None else None
    return value if isinstance(value, str) else None


def _number(value: Any, scale: Scale) -> float | None:
    """A score, as the vendor gave it; `None` for what is no number of its scale, NaN included."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return float(value) if min(scale.bot, scale.human) <= value <= max(scale.bot, scale.human) else None


def _humanity(raw: float, scale: Scale) -> float:
    """A score from 0 (bot) to 1 (human). Rounded: `1 - 0.9` is a little less than 0.1, and so is a float32's 0.7."""
    return round((raw - scale.bot) / (scale.human - scale.bot), 6)


def _host(told: str | None) -> str | None:
    match = _HOST.fullmatch(told) if told is not None else None
    return match[1].lower() if match else None


def _time(told: str | None) -> datetime | None:
    """A time that says its own offset; without one it could be any, and is none."""
    try:
        time = datetime.fromisoformat(told) if told is not None else None
        return time.astimezone(UTC) if time is not None and time.tzinfo is not None else None
    except (ValueError, OverflowError):
        return None
