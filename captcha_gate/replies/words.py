"""What the gate says to people, in the language that they prefer. All of it stands in `pages/words.json`.

Another language is another entry there, under its BCP 47 tag.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Final

from werkzeug.datastructures import LanguageAccept
from werkzeug.http import parse_accept_header

from captcha_gate.outcome import Outcome, Reason

if TYPE_CHECKING:
    from captcha_gate.request import RequestView

__all__ = ["Words", "words_for"]

_DEFAULT: Final = "en"


@dataclass(frozen=True, slots=True)
class Words:
    """Everything in one language.

    Attributes:
        language: its tag, for the attribute `lang`.
        refusals: a title and what to do next, by reason or outcome.
        pages: the sentences of pages and scripts, by name.
    """

    language: str
    refusals: Mapping[str, tuple[str, str]]
    pages: Mapping[str, str]

    def of(self, outcome: Outcome, reason: Reason) -> tuple[str, str]:
        """The title of a refusal, and what to do next."""
        return self.refusals.get(reason) or self.refusals[outcome]


def words_for(view: RequestView) -> Words:
    """The words in the language that a client prefers of those that there are."""
    known = _known()
    accepted = parse_accept_header(", ".join(view.headers.get_all("accept-language")), LanguageAccept)
    best = accepted.best_match([*known, *_primary_tags(known)], _DEFAULT) or _DEFAULT
    return known.get(best) or known[_primary_tags(known)[best]]


def _primary_tags(known: Mapping[str, Words]) -> dict[str, str]:
    """`zh` for `zh-Hans`: what a browser that says `zh-CN` or `zh-TW` is best served with."""
    return {tag.partition("-")[0]: tag for tag in known if "-" in tag}


@cache
def _known() -> Mapping[str, Words]:
    content = json.loads(files("captcha_gate.pages").joinpath("words.json").read_text(encoding="utf-8"))
    return {tag: _words(tag, entry) for tag, entry in content.items()}


def _words(tag: str, entry: Mapping[str, object]) -> Words:
    refusals = entry["refusals"]
    pages = {name: text for name, text in entry.items() if isinstance(text, str)}
    return Words(tag, {name: (title, advice) for name, (title, advice) in dict(refusals).items()}, pages)  # type: ignore[call-overload]
