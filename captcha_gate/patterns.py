"""Path patterns of the policy: what matches, what covers what, and which rules a path can concern at all.

Knows segments, not requests: `*` and `{name}` are one segment, `**` is any number of them, none included.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final, TypeAlias

__all__ = ["MANY", "ONE", "PathIndex", "PathPattern"]

ONE: Final = "*"
MANY: Final = "**"
_NAMED: Final = re.compile(r"\{[A-Za-z_][A-Za-z0-9_]*\}")


@dataclass(frozen=True, slots=True)
class PathPattern:
    """A compiled path pattern.

    Attributes:
        text: as the policy has it.
        segments: literal segments, `*` and `**`.
    """

    text: str
    segments: tuple[str, ...]
    #: The only path that fits, or an expression for those that do: most patterns are plain, and compile to nothing.
    _fits: str | re.Pattern[str] = field(repr=False, compare=False)

    @classmethod
    def parse(cls, text: str) -> PathPattern:
        """Compile a pattern.

        Raises:
            ValueError: it is no path pattern; the message says what to write instead.
        """
        if not text.startswith("/"):
            raise ValueError("a path pattern begins with '/' (write /login; for a regular expression, path_regex)")
        if re.search(r"[\x00-\x20\x7f?#]", text):
            raise ValueError("a path pattern holds no spaces, control characters, '?' or '#' (match `query` apart)")
        if re.search("%[0-9A-Fa-f]{2}", text):
            raise ValueError("a path pattern is compared with the decoded path (write é, not %C3%A9)")
        inner = text[1:].rstrip("/")
        segments = tuple(_segment(piece) for piece in inner.split("/")) if inner else ()
        if any(MANY == here == following for here, following in pairwise(segments)):
            raise ValueError("'**' stands twice in a row (once is any depth already)")
        plain = ONE not in segments and MANY not in segments
        return cls(text, segments, "/" + inner if plain else re.compile(_regex_of(segments)))

    def matches(self, path: str) -> bool:
        """Whether a path, without trailing slashes, fits the whole pattern."""
        if isinstance(self._fits, str):
            return path == self._fits
        if path == "/":  # which has no segments, and `/*` is no name for it
            return self.segments == (MANY,)
        return self._fits.fullmatch(path) is not None or self.segments == (MANY,)

    def covers(self, other: PathPattern) -> bool:
        """Whether every path that fits `other` provably fits this pattern too."""
        return _covers(self.segments, other.segments)

    def overlaps(self, other: PathPattern) -> bool:
        """Whether some path may fit both patterns."""
        return _overlap(self.segments, other.segments)


def _overlap(one: tuple[str, ...], other: tuple[str, ...]) -> bool:
    if one and one[0] == MANY:
        return _overlap(one[1:], other) or (bool(other) and _overlap(one, other[1:]))
    if other and other[0] == MANY:
        return _overlap(other, one)
    if not one or not other:
        return one == other
    return (ONE in (one[0], other[0]) or one[0] == other[0]) and _overlap(one[1:], other[1:])


def _segment(piece: str) -> str:
    if piece in (ONE, MANY):
        return piece
    if _NAMED.fullmatch(piece):
        return ONE
    if piece in ("", ".", ".."):
        raise ValueError("a path pattern has no empty segments and no '.' or '..' (write the path as it is served)")
    if "*" in piece or "{" in piece or "}" in piece:
        raise ValueError("'*', '**' and '{name}' stand for whole segments (for parts of one, use path_regex)")
    return piece


def _regex_of(segments: tuple[str, ...]) -> str:
    """A regular expression whose cost grows with the path's length times the pattern's, whatever the path.

    What stands between two `**` is taken where it first fits and never sought again: a later fit leaves less room for
    the rest. Without that, a client could choose a path that takes minutes to try.
    """
    runs = [""]
    for number, segment in enumerate(segments, 1):
        if segment == MANY:
            runs.append("")
        elif segment == ONE:
            # Falcon takes the empty segment of `/posts//comments` for one; at the end it is a trailing slash.
            runs[-1] += "/[^/]*" if number < len(segments) else "/[^/]+"
        else:
            runs[-1] += "/" + re.escape(segment)
    first, *middle, last = runs if len(runs) > 1 else (runs[0], "")
    if MANY not in segments:
        return first or "/"
    return first + "".join(f"(?>(?:/[^/]*)*?{run}(?![^/]))" for run in middle) + "(?:/[^/]*)*" + last


def _covers(wide: tuple[str, ...], narrow: tuple[str, ...]) -> bool:
    if not wide:
        return not narrow
    if wide[0] == MANY:
        return len(wide) == 1 or _covers(wide[1:], narrow) or (bool(narrow) and _covers(wide, narrow[1:]))
    if not narrow or narrow[0] == MANY:
        return False
    return (wide[0] == ONE or wide[0] == narrow[0]) and _covers(wide[1:], narrow[1:])


#: The literal segments that patterns begin with, nested; empty where anything may follow.
_Beginnings: TypeAlias = "dict[str, _Beginnings]"


class _Node:
    __slots__ = ("deep", "ends", "literal", "one")

    def __init__(self) -> None:
        self.literal: dict[str, _Node] = {}
        self.one: _Node | None = None
        self.ends: list[int] = []  # patterns that end here
        self.deep: list[int] = []  # patterns with a `**` here: anything may follow

    def children(self, segment: str) -> list[_Node]:
        """The nodes that a segment of a pattern may lead to."""
        if segment == ONE:
            return [*self.literal.values(), *([self.one] if self.one else [])]
        return [child for child in (self.literal.get(segment), self.one) if child is not None]

    def below(self) -> Iterator[int]:
        """The numbers of all patterns that end here or further down."""
        waiting = [self]
        while waiting:
            node = waiting.pop()
            yield from node.deep
            yield from node.ends
            waiting += node.children(ONE)


class PathIndex:
    """Which of many patterns a path can concern: a trie of segments, so that their number does not matter.

    It answers with candidates, in order; a pattern that goes on behind a `**` still has to be matched itself.
    """

    def __init__(self, patterns: Iterable[tuple[int, PathPattern]], always: Iterable[int] = ()) -> None:
        self._root = _Node()
        self._beginnings: _Beginnings = {}
        self._always = tuple(always)
        for number, pattern in patterns:
            self._insert(number, pattern.segments)
            _begin(self._beginnings, pattern.segments)

    def candidates(self, path: str) -> list[int]:
        """The numbers of all patterns that a path, without trailing slashes, may fit; sorted, each once."""
        found = [*self._always, *self._fitting(path)]
        return sorted(set(found)) if len(found) > 1 else found

    def _fitting(self, path: str) -> list[int]:
        found: list[int] = []
        nodes = [self._root]
        for segment in path[1:].split("/") if path != "/" else ():
            following = []
            for node in nodes:
                found += node.deep
                if segment in node.literal:
                    following.append(node.literal[segment])
                if node.one is not None:
                    following.append(node.one)
            nodes = following
            if not nodes:
                break
        for node in nodes:
            found += node.deep
            found += node.ends
        return found

    def concerns(self, path: str) -> bool:
        """Whether some pattern may fit a path, trailing slash or not: all that most requests need to know."""
        node: _Beginnings | None = self._beginnings
        for segment in path.split("/"):
            if not node:
                break
            node = node.get(segment)
        return node is not None and bool(self._fitting(path.rstrip("/") or "/"))

    def overlapping(self, pattern: PathPattern) -> set[int]:
        """The numbers of all patterns that may share a path with this one, and of those without a pattern."""
        found = set(self._always)
        nodes = [self._root]
        for segment in pattern.segments:
            for node in nodes:
                found.update(node.deep)
            if segment == MANY:
                for node in nodes:
                    found.update(node.below())
                return found
            nodes = [child for node in nodes for child in node.children(segment)]
        for node in nodes:
            found.update(node.deep, node.ends)
        return found

    def _insert(self, number: int, segments: tuple[str, ...]) -> None:
        node = self._root
        for segment in segments:
            if segment == MANY:
                node.deep.append(number)
                return
            if segment == ONE:
                node.one = node.one or _Node()
                node = node.one
            else:
                node = node.literal.setdefault(segment, _Node())
        node.ends.append(number)


def _begin(beginnings: _Beginnings, segments: tuple[str, ...]) -> None:
    """Add a pattern's literal segments up to its first wildcard, or to an empty one: a trailing slash, or none."""
    for segment in ("", *segments, ""):
        if segment in (ONE, MANY):
            beginnings.clear()
            return
        if beginnings.get(segment) == {}:
            return
        beginnings = beginnings.setdefault(segment, {})
