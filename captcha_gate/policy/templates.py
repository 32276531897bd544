"""Reads an operator's own page templates (`pages: {directory: …}`) and says what is wrong with them. Fills none."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from string import Template
from typing import Final

from captcha_gate.replies.page import CHALLENGE, NEEDED, PLACES

__all__ = ["read_templates"]

#: Bytes of a template.
_LONGEST: Final = 256 * 1024


def read_templates(folder: Path) -> tuple[Mapping[str, str], list[str]]:
    """The templates of a folder by their names, and what is wrong with them.

    Args:
        folder: holds `refusal.html`, `challenge.html`, or both.
    """
    texts: dict[str, str] = {}
    problems: list[str] = []
    for name in PLACES:
        path = folder / name
        if not path.is_file():
            continue
        try:
            with path.open("rb") as file:
                texts[name] = file.read(_LONGEST + 1).decode("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            problems.append(f"{name} cannot be read as UTF-8 text: {type(error).__name__}")
        else:
            problems += [f"{name} {wrong}" for wrong in _mistakes(name, texts[name])]
    if not texts and not problems:
        problems.append(f"there is neither {' nor '.join(PLACES)} in {folder}")
    return texts, problems


def _mistakes(name: str, text: str) -> Iterator[str]:
    if len(text.encode()) > _LONGEST:
        yield f"is longer than {_LONGEST} bytes"
    template = Template(text)
    if not template.is_valid():
        yield "has a lone $ (write $$ for a dollar sign)"
        return
    places = set(template.get_identifiers())
    for place in sorted(places - PLACES[name]):
        yield f"has an unknown place ${place} (there are: {', '.join(sorted(PLACES[name]))})"
    for place in sorted((NEEDED if name == CHALLENGE else frozenset()) - places):
        yield f"lacks the place ${place}, without which nobody gets past the page"
