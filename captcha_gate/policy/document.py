"""A YAML document as plain values with their places. Types nothing: every scalar is text.

YAML's own typing is the wrong one for a policy: `NO` is a country, `on` is a word, `1:30` is a time and `0123` an
identifier. So this reads the parser's events, keeps the text, and leaves the typing to the schema. It also refuses
what PyYAML takes in silence: a key given twice, a tag, an alias to what it is part of.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple, TypeAlias

import yaml

__all__ = ["Document", "KeyPath", "Place", "Problem", "parse_yaml", "written_path"]

KeyPath: TypeAlias = tuple[str | int, ...]

#: Deeper than any policy.
_MAX_DEPTH: Final = 50
#: Values of a document after its aliases are expanded: what stops "billion laughs".
_MAX_VALUES: Final = 2_000_000
#: Stands for a key that could not be read, so that its value is read over.
_NO_KEY: Final = "\0"

_Loader: Final[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class Place(NamedTuple):
    """Where something is written; counted from one."""

    file: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


class Problem(NamedTuple):
    """Something wrong with a policy, and where."""

    path: KeyPath
    message: str
    place: Place | None = None  #: where it is known better than by its path
    of_key: bool = False  #: it is the key that is wrong, not its value


@dataclass
class Document:
    """Values, and where each of them is written.

    Attributes:
        file: the name that problems are reported under.
        data: dicts, lists and strings; `None` where nothing could be read.
        problems: what is wrong with the document itself.
        empty: the places of values that are not there.
    """

    file: str
    data: Any = None
    problems: list[Problem] = field(default_factory=list)
    empty: set[Place] = field(default_factory=set)
    #: By the identity of the container; the container too, for a freed one's identity would be given to another.
    _places: dict[int, tuple[Any, dict[str | int, Place]]] = field(default_factory=dict)
    _keys: dict[tuple[int, str | int], Place] = field(default_factory=dict)

    def place(self, path: Sequence[str | int], *, of_key: bool = False) -> Place:
        """The place of the value, or of the key, at a path; of the innermost thing on the way that exists otherwise."""
        place = Place(self.file, 1, 1)
        node: Any = self.data
        for step in path:
            known = self.items_of(node)
            if step not in known:
                break
            place = known[step]
            container, node = node, node[step]
            if of_key:
                place = self._keys.get((id(container), step), place)
        return place

    def clip(self, path: KeyPath) -> KeyPath:
        """The path, up to the first single value on it: what is wrong inside a value is said of the value."""
        node: Any = self.data
        for depth, step in enumerate(path):
            if not isinstance(node, (dict, list)):
                return path[:depth]
            node = _child(node, step)
        return path

    def put(
        self, container: dict[str, Any] | list[Any], key: str | int, place: Place, key_place: Place | None = None
    ) -> None:
        """Remember where a container's item is written, and its key if it has one."""
        self._places.setdefault(id(container), (container, {}))[1][key] = place
        if key_place is not None:
            self._keys[id(container), key] = key_place

    def items_of(self, container: Any) -> dict[str | int, Place]:
        """The places of a container's items."""
        return self._places[id(container)][1] if id(container) in self._places else {}

    def adopt(self, other: Document) -> None:
        """Take over the places and problems of an included document."""
        self._places.update(other._places)
        self._keys.update(other._keys)
        self.empty |= other.empty
        self.problems += other.problems


def _child(node: Any, step: str | int) -> Any:
    try:
        return node[step]
    except (LookupError, TypeError):
        return {}


def written_path(path: Sequence[str | int]) -> str:
    """A path as a person writes it: `rules[3].score.min`."""
    text = ""
    for step in path:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else str(step)
    return text


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
