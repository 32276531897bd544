"""Reads a YAML document into plain values with their places. Types nothing: every scalar is text.

YAML's own typing is the wrong one for a policy: `NO` is a country, `on` is a word, `1:30` is a time and `0123` an
identifier. So this reads the parser's events, keeps the text, and leaves the typing to the schema. It also refuses
what PyYAML takes in silence: a key given twice, a tag, an alias to what it is part of.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import yaml

from captcha_gate.policy.document import Document, KeyPath, Place, Problem

__all__ = ["parse_yaml"]

#: Deeper than any policy.
_MAX_DEPTH: Final = 50
#: Values of a document after its aliases are expanded: what stops "billion laughs".
_MAX_VALUES: Final = 2_000_000
#: Stands for a key that could not be read, so that its value is read over.
_NO_KEY: Final = "\0"

_Loader: Final[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(slots=True)
class _Open:
    """A container that is still being read."""

    value: Any
    path: KeyPath
    anchor: str | None
    place: Place
    size: int = 1
    key: str | None = None
    key_place: Place | None = None


def parse_yaml(text: str, file: str, text_of: Callable[[str, KeyPath, Place], Any] | None = None) -> Document:
    """Read a document. What is wrong with it stands in `problems`, and `data` is what could be read.

    Args:
        text: YAML.
        file: the name to report problems under.
        text_of: called with each scalar value, its path and its place; what it returns stands in its stead.
    """
    reader = _Reader(Document(file), text_of or (_as_written))
    try:
        for event in yaml.parse(text, Loader=_Loader):
            reader.take(event)
    except yaml.MarkedYAMLError as error:
        reader.document.problems.append(_syntax_problem(error, text, file))
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position)
        column = error.position - (text.rfind("\n", 0, error.position) + 1)
        message = "not YAML: a control character (remove it, or write it as an escape in double quotes)"
        reader.document.problems.append(Problem((), message, Place(file, line + 1, column + 1)))
    except _Hopeless as error:
        reader.document.problems.append(Problem(error.path, str(error), error.place))
    return reader.document


def _as_written(value: str, _path: KeyPath, _place: Place) -> str:
    return value


class _Hopeless(Exception):
    """Reading on would be of no use, or of too much cost."""

    def __init__(self, message: str, path: KeyPath, place: Place) -> None:
        self.path = path
        self.place = place
        super().__init__(message)


class _Reader:
    """Builds values from events, on a stack of its own: no document is deep enough to exhaust Python's."""

    def __init__(self, document: Document, text_of: Callable[[str, KeyPath, Place], Any]) -> None:
        self.document = document
        self._text_of = text_of
        self._stack: list[_Open] = []
        self._anchors: dict[str, tuple[Any, int]] = {}
        self._documents = 0

    def take(self, event: yaml.Event) -> None:
        match event:
            case yaml.DocumentStartEvent():
                self._documents += 1
                if self._documents > 1:
                    message = "a policy is one YAML document (remove the '---' and what follows it)"
                    raise _Hopeless(message, (), self._place(event))
            case yaml.ScalarEvent():
                self._scalar(event)
            case yaml.AliasEvent():
                self._alias(event)
            case yaml.MappingStartEvent():
                self._begin(event, {})
            case yaml.SequenceStartEvent():
                self._begin(event, [])
            case yaml.MappingEndEvent() | yaml.SequenceEndEvent():
                self._end()

    def _scalar(self, event: Any) -> None:
        place = self._place(event)
        if self._expects_key():
            self._key(event.value, place)
            return
        path = self._here()
        self._refuse_tag(event, path, place)
        empty = event.value == "" and not event.style
        if empty and not self._stack:
            return
        value = self._text_of(event.value, path, place)
        if empty:
            self.document.empty.add(place)
            self.document.problems.append(Problem(path, "has no value (write one, or remove the key)", place))
        if event.anchor:
            self._anchors[event.anchor] = (value, 1)
        self._add(value, 1, place)

    def _alias(self, event: Any) -> None:
        place = self._place(event)
        path = self._here()
        if self._expects_key():
            self.document.problems.append(Problem(path, "an alias cannot be a key (write the key out)", place))
            self._key(_NO_KEY, place)
            return
        if event.anchor not in self._anchors:
            inside = any(container.anchor == event.anchor for container in self._stack)
            why = "the alias is part of what it stands for" if inside else "the alias stands for nothing above it"
            why += " (quote a text that begins with '*')"
            self.document.problems.append(Problem(path, why, place))
            self.document.empty.add(place)
            self._add("", 1, place)
            return
        value, size = self._anchors[event.anchor]
        self._add(value, size, place)

    def _begin(self, event: Any, value: Any) -> None:
        place = self._place(event)
        if self._expects_key():
            message = "a key is plain text (quote a value that begins with '{' or '[')"
            raise _Hopeless(message, self._here(), place)
        path = self._here()
        self._refuse_tag(event, path, place)
        if len(self._stack) >= _MAX_DEPTH:
            raise _Hopeless(f"nested deeper than {_MAX_DEPTH} levels", path[:2], place)
        self._stack.append(_Open(value, path, event.anchor, place))

    def _end(self) -> None:
        done = self._stack.pop()
        if done.anchor:
            self._anchors[done.anchor] = (done.value, done.size)
        self._add(done.value, done.size, done.place)

    def _key(self, key: str, place: Place) -> None:
        container = self._stack[-1]
        if key in container.value:
            first = self.document.items_of(container.value)[key]
            message = f"the key is given twice (the first stands in line {first.line})"
            self.document.problems.append(Problem((*container.path, key), message, place))
        container.key, container.key_place = key, place

    def _add(self, value: Any, size: int, place: Place) -> None:
        if not self._stack:
            self.document.data = value
            return
        container = self._stack[-1]
        container.size += size
        if container.size > _MAX_VALUES:
            message = f"the aliases of this document expand to more than {_MAX_VALUES} values"
            raise _Hopeless(message, container.path, place)
        if isinstance(container.value, list):
            self.document.put(container.value, len(container.value), place)
            container.value.append(value)
        elif container.key is not None:
            # Where a key has no value, or a whole block, the key is what an eye looks for.
            at = place if isinstance(value, str) else container.key_place or place
            self.document.put(container.value, container.key, at, container.key_place)
            if container.key != _NO_KEY:
                container.value[container.key] = value
            container.key = None

    def _expects_key(self) -> bool:
        return bool(self._stack) and isinstance(self._stack[-1].value, dict) and self._stack[-1].key is None

    def _here(self) -> KeyPath:
        if not self._stack:
            return ()
        container = self._stack[-1]
        step: str | int | None = len(container.value) if isinstance(container.value, list) else container.key
        return container.path if step is None else (*container.path, step)

    def _place(self, event: Any) -> Place:
        return Place(self.document.file, event.start_mark.line + 1, event.start_mark.column + 1)

    def _refuse_tag(self, event: Any, path: KeyPath, place: Place) -> None:
        if event.tag is not None and event.tag != "!":
            self.document.problems.append(Problem(path, "tags are not allowed (write the value alone)", place))


#: What to do about what the parser says.
_HINTS: Final = {
    "mapping values are not allowed": " (quote a value that holds ': '; write each key on a line of its own)",
    "cannot start any token": " (quote a value that begins with this character; indent with spaces, not with tabs)",
    "tab character": " (indent with spaces)",
    "end of stream": " (a quote is opened and not closed)",
    "did not find expected key": " (keys of one mapping begin in the same column)",
    "did not find expected '-'": " (items of one list, and keys of one mapping, begin in the same column)",
    "expected <block end>": " (items of one list, and keys of one mapping, begin in the same column)",
    "unknown escape": " (in double quotes, write \\\\ for a backslash, or use single quotes)",
}


def _syntax_problem(error: yaml.MarkedYAMLError, text: str, file: str) -> Problem:
    mark = error.problem_mark or error.context_mark
    place = Place(file, mark.line + 1, mark.column + 1) if mark else None
    message = f"not YAML: {error.problem or error.context}"
    lines = text.splitlines()
    if mark and mark.line < len(lines) and "${" in lines[mark.line] and "expected ','" in message:
        return Problem((), message + ' (inside braces and brackets, quote it: {key: "${NAME}"})', place)
    # Which hint fits is told by the parser's words: libyaml's, and those of PyYAML's own parser.
    hints = (hint for part, hint in _HINTS.items() if part in message)
    return Problem((), message + next(hints, ""), place)
