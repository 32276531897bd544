"""Plain values, where each of them is written, and what is wrong with them. Reads nothing and types nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeAlias

__all__ = ["Document", "KeyPath", "Place", "Problem", "written_path"]

KeyPath: TypeAlias = tuple[str | int, ...]


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
