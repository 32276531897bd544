"""Takes out of a verdict what the vendor only echoed: no token field may reach a log or the application."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any, Final

from captcha_gate.decision import Verdict

__all__ = ["without_token"]

#: A shorter field is compared whole only: it may well be part of an innocent word.
_TELLING: Final = 8
#: Characters of a field by which it is recognised, for vendors cut off what they repeat.
_BEGINNING: Final = 16
#: Characters of a vendor's words that are kept.
_KEPT: Final = 200


def without_token(verdict: Verdict, fields: Mapping[str, str]) -> Verdict:
    """The verdict, with every token field that the vendor repeated taken out, and its words cut to a line."""
    values = frozenset(value.casefold() for value in fields.values())
    said = verdict.provider_reason
    return replace(
        verdict,
        provider_reason="" if _echoes(said, values) else said[:_KEPT],
        detail=MappingProxyType(_cleaned(verdict.detail, values)),
    )


def _cleaned(told: Any, values: Collection[str]) -> Any:
    if isinstance(told, Mapping):
        kept = {key: item for key, item in told.items() if not (_echoes(key, values) or _echoes(item, values))}
        return {key: _cleaned(item, values) for key, item in kept.items()}
    if isinstance(told, (list, tuple)):
        return [_cleaned(item, values) for item in told if not _echoes(item, values)]
    return told


def _echoes(told: Any, values: Collection[str]) -> bool:
    if isinstance(told, bool) or not isinstance(told, (str, int, float)):
        return False
    text = str(told).casefold()
    return text in values or any(len(value) >= _TELLING and value[:_BEGINNING] in text for value in values)
