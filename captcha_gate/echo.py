"""Takes out of a verdict what the vendor only echoed: no token and no secret may reach a log or the application."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, Final, NamedTuple

from captcha_gate.decision import Verdict

__all__ = ["without_echo", "without_token"]

#: A shorter field is compared whole only: it may well be part of an innocent word.
_TELLING: Final = 8
#: Characters of a field by which it is recognised, for vendors cut off what they repeat.
_BEGINNING: Final = 16
#: Characters of a vendor's words that are kept.
_KEPT: Final = 200


def without_token(verdict: Verdict, private: Iterable[str]) -> Verdict:
    """The verdict, with everything private that the vendor repeated taken out, and its words cut to a line.

    Args:
        verdict: the provider's.
        private: the token's fields, and the secrets of the account.
    """
    if not (verdict.provider_reason or verdict.detail):
        return verdict
    known = _Private.of(private)
    said, told = _line(verdict.provider_reason, known), _cleaned(verdict.detail, known)
    if said == verdict.provider_reason and told == verdict.detail:
        return verdict
    return replace(verdict, provider_reason=said, detail=told)


def without_echo(said: str, private: Iterable[str]) -> str:
    """A vendor's words, cut to a line; nothing where they repeat something private."""
    return _line(said, _Private.of(private))


class _Private(NamedTuple):
    """Private values in the two forms by which an echo is recognised."""

    whole: set[str]
    beginnings: list[str]

    @classmethod
    def of(cls, values: Iterable[str]) -> _Private:
        whole = {value.casefold() for value in values}
        return cls(whole, [value[:_BEGINNING] for value in whole if len(value) >= _TELLING])


def _line(said: str, known: _Private) -> str:
    return "" if not said or _echoes(said, known) else said[:_KEPT]


def _cleaned(told: Any, known: _Private) -> Any:
    if not told:
        return told
    if isinstance(told, (dict, Mapping)):  # a dict, which it mostly is, is known at once
        return {
            key: _cleaned(item, known)
            for key, item in told.items()
            if not (_echoes(key, known) or _echoes(item, known))
        }
    if isinstance(told, (list, tuple)):
        return [_cleaned(item, known) for item in told if not _echoes(item, known)]
    return told


def _echoes(told: Any, known: _Private) -> bool:
    if isinstance(told, bool) or not isinstance(told, (str, int, float)):
        return False
    text = str(told).casefold()
    if text in known.whole:
        return True
    for beginning in known.beginnings:  # noqa: SIM110 - `any` takes three times as long, for each word of each reply
        if beginning in text:
            return True
    return False
