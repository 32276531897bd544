"""Paths as somebody writes them who wants to get past the gate: some server or framework undoes each disguise."""

from __future__ import annotations

from collections.abc import Iterable

from hypothesis import strategies as st

__all__ = ["disguised"]

SEPARATORS = st.sampled_from(["/", "//", "///", "/./", "/x/../", "/.//", "/x/y/../../", "/%2e/", "/x/%2E%2e/", "\\"])
ENDS = st.sampled_from(["", "/", "//", "/.", "/x/..", ";x=1", ";", "/;x", "%23x", "%3fq=1", "%3B"])


@st.composite
def spelt(draw: st.DrawFn, character: str) -> str:
    """A character, or the same percent-encoded up to three times."""
    times = draw(st.sampled_from([0, 0, 0, 0, 1, 1, 2, 3]))
    if not times:
        return character
    digits = f"{ord(character):02x}"
    return "%" + "25" * (times - 1) + (digits.upper() if draw(st.booleans()) else digits)


@st.composite
def disguised(draw: st.DrawFn, paths: Iterable[str]) -> tuple[str, str]:
    """One of these paths, and the same path in disguise."""
    path = draw(st.sampled_from(sorted(paths)))
    segments = ["".join([draw(spelt(c)) for c in segment]) for segment in path.strip("/").split("/")]
    raw = "".join(draw(SEPARATORS) + segment for segment in segments) + draw(ENDS)
    return path, raw
