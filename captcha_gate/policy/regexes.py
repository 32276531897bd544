"""Whether a regular expression can take for ever: a client sends the path that it is tried on. Compiles none.

Python's `re` backtracks: it tries every way in which the expression can take a text, and `(a+)+` takes thirty
characters in a billion ways. So the expression is read as an automaton that remembers in how many ways one character
can follow another, and the automaton is asked for a loop with two ways around it (Weber and Seidl's criteria, 1991).
What the automaton leaves out, it leaves out on the careful side: a bounded repetition counts as an endless one.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache
from itertools import permutations, product
from re import _constants as c  # type: ignore[attr-defined]  # the parser's own names; there are no public ones
from re import _parser  # type: ignore[attr-defined]
from typing import Any, Final, TypeAlias

__all__ = ["hazard_of"]

_REPEATS: Final = (c.MAX_REPEAT, c.MIN_REPEAT)
_SETTLED: Final = (c.POSSESSIVE_REPEAT, c.ATOMIC_GROUP)
_ATOMS: Final = (c.LITERAL, c.NOT_LITERAL, c.IN, c.ANY)
#: Rounds of a fixed repetition that are written out; more count as endless.
_WRITTEN_OUT: Final = 64
#: Rounds in which a choice may be left open: at most 128 ways, where two of each can be gone.
_FEW: Final = 7
#: Steps of building and searching the automaton; an expression that needs more is beyond checking.
_MAX_STEPS: Final = 500_000
_CLASSES: Final = {
    c.CATEGORY_DIGIT: r"\d",
    c.CATEGORY_NOT_DIGIT: r"\D",
    c.CATEGORY_SPACE: r"\s",
    c.CATEGORY_NOT_SPACE: r"\S",
    c.CATEGORY_WORD: r"\w",
    c.CATEGORY_NOT_WORD: r"\W",
}
#: Stand for all characters: Latin in full, and one of each class beyond it.
_ALPHABET: Final = frozenset(map(chr, range(0x20, 0x180))) | set("\u0660\u2003\u20ac\u212a\u4e00")

Characters: TypeAlias = frozenset[str]


def hazard_of(expression: str) -> str | None:
    """What is dangerous about a regular expression that compiles; `None` where nothing is."""
    parsed = _parser.parse(expression)
    if any(operator is c.GROUPREF for operator, _ in _walk(parsed)):
        return "it refers back to a group, which can take for ever on a long path"
    try:
        automaton = _Automaton(parsed, _WRITTEN_OUT)
        if automaton.doubles() or _Automaton(parsed, _FEW).doubles():
            return "it repeats what repeats or branches by itself, which can take for ever on a long path"
        if automaton.has_sharing_loops():
            return "two of its repetitions can share one text, which takes its length squared on a long path"
    except _TooIntricate:
        return "it is too intricate to be checked"
    return None


class _TooIntricate(Exception):
    """Whether there are two ways would take too long to find out."""


@dataclass(slots=True)
class _Part:
    """A piece of the expression: in how many ways it takes nothing, begins with a position, ends with one."""

    empty: int = 1
    first: Counter[int] = field(default_factory=Counter)
    last: Counter[int] = field(default_factory=Counter)


class _Automaton:
    """One state for each character of the expression, and the number of ways from one to the next (Glushkov's).

    Args:
        parsed: the expression.
        written_out: rounds of a fixed repetition that are written out, where it repeats more than one character.
    """

    def __init__(self, parsed: Any, written_out: int) -> None:
        self._written_out = written_out
        self._takes: list[Characters] = []
        self._ways: defaultdict[int, Counter[int]] = defaultdict(Counter)
        self._steps = 0
        flags = parsed.state.flags
        items = list(parsed)
        if items and items[-1][0] in _REPEATS and _takes_all(items[-1][1]):
            items.pop()  # once there, nothing can fail any more
        self._sequence(items, flags)
        self._loops = list(self._components())

    def doubles(self) -> bool:
        """Whether some loop can be gone around with one text in two ways: each round doubles the work."""
        return any(self._splits(set(loop)) for loop in self._loops)

    def has_sharing_loops(self) -> bool:
        """Whether one loop can take its share of a text from another: each share is tried, up to the text's end."""
        below = [self._reachable(loop) for loop in self._loops]
        return any(
            below[here] & set(self._loops[there]) and self._shares(self._loops[here], self._loops[there], below[here])
            for here, there in permutations(range(len(self._loops)), 2)
        )

    # Building

    def _sequence(self, items: Iterable[tuple[Any, Any]], flags: int) -> _Part:
        whole = _Part()
        for operator, argument in items:
            whole = self._joined(whole, self._part(operator, argument, flags))
        return whole

    def _part(self, operator: Any, argument: Any, flags: int) -> _Part:
        if operator in _ATOMS:
            return self._state(_characters(operator, _frozen(argument), flags & (re.IGNORECASE | re.ASCII)))
        if operator in _REPEATS:
            return self._repeated(argument, flags)
        if operator is c.SUBPATTERN:
            return self._sequence(argument[3], (flags | argument[1]) & ~argument[2])
        if operator is c.BRANCH:
            return _either([self._sequence(alternative, flags) for alternative in argument[1]])
        if operator is c.GROUPREF_EXISTS:
            return _either([self._sequence(alternative or [], flags) for alternative in argument[1:]])
        if operator in _SETTLED:
            return self._settled(operator, argument, flags)
        for inner in _inside(operator, argument):
            self._sequence(inner, flags)  # a look around: tried where it stands, and in no way connected
        return _Part()

    def _state(self, characters: Characters) -> _Part:
        self._takes.append(characters)
        number = len(self._takes) - 1
        return _Part(0, Counter([number]), Counter([number]))

    def _joined(self, one: _Part, other: _Part) -> _Part:
        self._connect(one.last, other.first)
        return _Part(
            min(one.empty * other.empty, 2),
            one.first + _times(other.first, one.empty),
            other.last + _times(one.last, other.empty),
        )

    def _connect(self, ends: Counter[int], beginnings: Counter[int]) -> None:
        self._spend(len(ends) * len(beginnings))
        for (end, out), (beginning, into) in product(ends.items(), beginnings.items()):
            self._ways[end][beginning] += out * into

    def _repeated(self, argument: Any, flags: int) -> _Part:
        least, most, body = argument
        is_one = len(body) == 1 and body[0][0] in _ATOMS
        if least == most <= (_WRITTEN_OUT if is_one else self._written_out):
            return self._sequence(list(body) * least, flags)
        part = self._sequence(body, flags)
        # One character or none is taken for any number, so that `a?a?a?…` is seen for what it does.
        if most > 1 or is_one:
            self._connect(part.last, part.first)
        return _Part(min(part.empty + (least == 0), 2), part.first, part.last)

    def _settled(self, operator: Any, argument: Any, flags: int) -> _Part:
        """What is not tried again once it has taken something: any text of its characters, in one way."""
        [body] = _inside(operator, argument)
        begin = len(self._takes)
        inner = self._sequence(body, flags)
        part = self._state(frozenset().union(*self._takes[begin:]))
        [state] = part.first
        self._ways[state] = _Once({state: 1})
        part.empty = int(inner.empty > 0 or (operator is c.POSSESSIVE_REPEAT and argument[0] == 0))
        return part

    # Asking

    def _spend(self, steps: int) -> None:
        self._steps += steps
        if self._steps > _MAX_STEPS:
            raise _TooIntricate

    def _next(self, state: int) -> Counter[int]:
        return self._ways.get(state, Counter())

    def _reachable(self, states: Iterable[int]) -> set[int]:
        """The states that can follow these, at any distance."""
        found: set[int] = set()
        waiting = list(states)
        while waiting:
            ways = self._next(waiting.pop())
            self._spend(len(ways))
            for following in ways:
                if following not in found:
                    found.add(following)
                    waiting.append(following)
        return found

    def _components(self) -> Iterator[list[int]]:
        """The loops: states that can all follow each other."""
        reachable = {state: self._reachable([state]) for state in range(len(self._takes))}
        seen: set[int] = set()
        for state, after in reachable.items():
            if state in after and state not in seen:
                loop = [other for other in after if state in reachable[other]]
                seen.update(loop)
                yield loop

    def _splits(self, loop: set[int]) -> bool:
        if any(count > 1 for state in loop for other, count in self._ways[state].items() if other in loop):
            return True
        found: set[tuple[int, ...]] = set()
        for state in loop:
            found |= {pair for pair in self._together((state, state), (loop, loop)) if pair[0] != pair[1]}
        return any(one == other for one, other in self._search(found, (loop, loop)))

    def _shares(self, here: list[int], there: list[int], below: set[int]) -> bool:
        """Whether one text leads from a state of `here` back to it, on to one of `there`, and from that back to it."""
        allowed = (set(here), below | set(here), set(there))
        return any((one, other, other) in self._search({(one, one, other)}, allowed) for one in here for other in there)

    def _search(self, begin: set[tuple[int, ...]], allowed: tuple[set[int], ...]) -> set[tuple[int, ...]]:
        """All groups of states that some text leads to, each member by a way of its own."""
        found: set[tuple[int, ...]] = set()
        waiting = list(begin)
        while waiting:
            for group in self._together(waiting.pop(), allowed):
                if group not in found:
                    found.add(group)
                    waiting.append(group)
        return found

    def _together(self, group: tuple[int, ...], allowed: tuple[set[int], ...]) -> Iterator[tuple[int, ...]]:
        """Where the members of a group can go with one and the same character."""
        choices = [[s for s in self._next(state) if s in may] for state, may in zip(group, allowed, strict=True)]
        for following in product(*choices):
            self._spend(1)
            if frozenset.intersection(*(self._takes[state] for state in following)):
                yield following


class _Once(Counter[int]):
    """The ways out of a state that has settled: going around it again is no second way."""

    def __setitem__(self, state: int, ways: int) -> None:
        super().__setitem__(state, 1 if state in self else ways)


def _either(parts: list[_Part]) -> _Part:
    whole = _Part(0)
    for part in parts:
        whole = _Part(min(whole.empty + part.empty, 2), whole.first + part.first, whole.last + part.last)
    return whole


def _times(ways: Counter[int], factor: int) -> Counter[int]:
    return Counter({state: count * factor for state, count in ways.items()}) if factor else Counter()


def _walk(parsed: Any) -> Iterator[tuple[Any, Any]]:
    """Every element at any depth."""
    for operator, argument in parsed:
        yield operator, argument
        for inner in _inside(operator, argument):
            yield from _walk(inner)


def _inside(operator: Any, argument: Any) -> list[Any]:
    if operator in _REPEATS or operator is c.POSSESSIVE_REPEAT:
        return [argument[2]]
    if operator is c.SUBPATTERN:
        return [argument[3]]
    if operator in (c.ASSERT, c.ASSERT_NOT):
        return [argument[1]]
    if operator is c.ATOMIC_GROUP:
        return [argument]
    if operator is c.BRANCH:
        return list(argument[1])
    return [item for item in argument[1:] if item is not None] if operator is c.GROUPREF_EXISTS else []


def _takes_all(repeat: Any) -> bool:
    least, most, body = repeat
    return least == 0 and most is c.MAXREPEAT and list(body) == [(c.ANY, None)]


def _frozen(argument: Any) -> Any:
    return tuple(argument) if isinstance(argument, list) else argument


@cache
def _characters(operator: Any, argument: Any, flags: int) -> Characters:
    """The characters, of those that stand for all, that an element takes."""
    any_case = flags & re.IGNORECASE
    if operator is c.LITERAL and not any_case:
        return frozenset([chr(argument)])
    named = [chr(argument)] if operator in (c.LITERAL, c.NOT_LITERAL) else _edges(argument or ())
    everything = _ALPHABET.union(named, *([*name.lower(), *name.upper()] for name in named))
    return frozenset(
        one
        for one in everything
        if any(
            _accepts(operator, argument, other, flags)
            for other in (one, *(one.lower() + one.upper() if any_case else ""))
        )
    )


def _edges(items: Iterable[tuple[Any, Any]]) -> list[str]:
    """The characters that a class names, and those next to its ranges' ends."""
    found: list[str] = []
    for kind, value in items:
        if kind is c.LITERAL:
            found.append(chr(value))
        elif kind is c.RANGE:
            found += [chr(value[0]), chr(value[1])]
    return found


def _accepts(operator: Any, argument: Any, character: str, flags: int) -> bool:
    if operator is c.LITERAL:
        return bool(chr(argument) == character)
    if operator is c.NOT_LITERAL:
        return bool(chr(argument) != character)
    if operator is c.ANY:
        return True
    negated = any(kind is c.NEGATE for kind, _ in argument)
    return negated != any(_in_class(kind, value, character, flags) for kind, value in argument)


def _in_class(kind: Any, value: Any, character: str, flags: int) -> bool:
    if kind is c.LITERAL:
        return bool(chr(value) == character)
    if kind is c.RANGE:
        return bool(value[0] <= ord(character) <= value[1])
    return kind is c.CATEGORY and re.fullmatch(_CLASSES[value], character, flags & re.ASCII) is not None
