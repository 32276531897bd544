"""Loads a policy: its file, what that includes, its variables; reports every problem with its place."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from captcha_gate.errors import PolicyError
from captcha_gate.policy.compile import compile_policy
from captcha_gate.policy.document import Document, KeyPath, Place, Problem, written_path
from captcha_gate.policy.interpolation import Unset, interpolate
from captcha_gate.policy.lint import escapes, warnings
from captcha_gate.policy.templates import read_templates
from captcha_gate.policy.yaml_reader import parse_yaml
from captcha_gate.rules import Policy

__all__ = ["load_policy"]

#: Bytes of a policy file: a hundred times the largest that anybody writes.
_MAX_FILE: Final = 16 * 1024 * 1024
#: Stands where a variable has no value, when only checking: long enough for every secret.
_STAND_IN: Final = "value-of-a-variable-that-is-not-set-here"


def load_policy(
    source: str | os.PathLike[str] | Mapping[str, Any],
    *,
    environment: Mapping[str, str] | None = None,
    allow_unset: bool = False,
) -> Policy:
    """Load a policy.

    Args:
        source: the path of a YAML file, or the same content as a mapping. In a mapping, `${…}` and `include` mean
            nothing.
        environment: where variables are looked up; `os.environ` unless given.
        allow_unset: put a word where a variable or a secret file has no value. For checking only.

    Raises:
        PolicyError: with every problem, each as `file:line:column: key: what is wrong (what to write instead)`.
    """
    if isinstance(source, Mapping):
        document = Document("policy", _plain(source))
        empty = list(_empty(document.data))
        document.problems += [Problem(path, "has no value (give one, or remove the key)") for path in empty]
        loading = _Loading(document, unresolved=frozenset(empty))
    else:
        variables = os.environ if environment is None else environment
        loading = _FileReader(Path(source), variables, allow_unset=allow_unset).load()
    return loading.compiled()


def _plain(data: Any) -> Any:
    """Dicts and lists in the stead of other mappings and of tuples, which would else be no rules at all."""
    if isinstance(data, Mapping):
        return {key: _plain(value) for key, value in data.items()}
    return [_plain(item) for item in data] if isinstance(data, (list, tuple)) else data


def _empty(data: Any, path: KeyPath = ()) -> Iterator[KeyPath]:
    """Where a mapping holds `None`: a condition that is left empty would hold for everybody."""
    if isinstance(data, dict):
        for key, value in data.items():
            yield from _empty(value, (*path, key))
    elif isinstance(data, list):
        for number, value in enumerate(data):
            yield from _empty(value, (*path, number))
    elif data is None:
        yield path


def _with_templates(policy: Policy, folder: Path) -> tuple[Policy, list[Problem]]:
    """The policy with its own page templates, and what is wrong with them."""
    if policy.pages.directory is None:
        return policy, []
    templates, wrong = read_templates(folder / policy.pages.directory)
    problems = [Problem(("pages", "directory"), message) for message in wrong]
    return replace(policy, pages=replace(policy.pages, templates=templates)), problems


class _Loading:
    """A document on its way to a policy.

    Args:
        document: plain values.
        origins: for each rule after inclusion, its number in its own file; empty where nothing was included.
        unresolved: the places of values that are not there, about which enough has been said; of a mapping, the paths.
        is_file: places mean something.
        folder: that of the policy.
    """

    def __init__(
        self,
        document: Document,
        origins: Sequence[int] = (),
        unresolved: AbstractSet[Place | KeyPath] = frozenset(),
        *,
        is_file: bool = False,
        folder: Path = Path(),
    ) -> None:
        self._folder = folder
        self._document = document
        self._origins = origins
        self._unresolved = unresolved
        self._is_file = is_file

    def compiled(self) -> Policy:
        rules = self._document.data.get("rules") if isinstance(self._document.data, dict) else None
        count = len(rules) if isinstance(rules, list) else 0
        where = {number: str(self._place(("rules", number))) for number in range(count)} if self._is_file else {}
        policy, compiling = (
            compile_policy(self._document.data, where) if self._document.data is not None else (None, [])
        )
        found = [problem for problem in compiling if self._where(problem.path) not in self._unresolved]
        problems = [*self._outermost(found), *found]
        if self._document.data is None and not problems:
            message = "the policy is empty (write version: 1, providers and rules)"
            problems.append(Problem((), message, Place(self._document.file, 1, 1)))
        if policy is not None:
            problems += escapes(policy)
            policy, found = _with_templates(policy, self._folder)
            problems += found
        lines = self._written(problems)
        if lines or policy is None:
            raise PolicyError(lines)
        return replace(policy, warnings=tuple(warnings(policy)))

    def _written(self, problems: list[Problem]) -> list[str]:
        placed = [
            (problem.place or self._document.place(problem.path, of_key=problem.of_key), problem)
            for problem in problems
        ]
        lines = []
        for place, problem in sorted(placed, key=lambda item: item[0]):
            # A place of its own means that the path, too, is that of the file where the problem stands.
            path = problem.path if problem.place else self._own(self._document.clip(problem.path))
            key = written_path(path)
            parts = [str(place)] if self._is_file else []
            lines.append(": ".join([*parts, *([key] if key else []), problem.message]))
        return list(dict.fromkeys(lines))

    def _place(self, path: KeyPath) -> Place:
        return self._document.place(path)

    def _outermost(self, found: list[Problem]) -> list[Problem]:
        """The document's problems without values that are missing inside of what is wrong itself.

        `captcha_key: {x}` is a key that should have been quoted, no mapping that lacks a value; and x is a secret.
        """
        wrong = {self._own(self._document.clip(problem.path)) for problem in found}
        return [
            problem
            for problem in self._document.problems
            if problem.place not in self._document.empty
            or not any(problem.path[:depth] in wrong for depth in range(1, len(problem.path)))
        ]

    def _where(self, path: KeyPath) -> Place | KeyPath:
        return self._place(path) if self._is_file else self._document.clip(path)

    def _own(self, path: KeyPath) -> KeyPath:
        """The path as it is in the file that it is written in."""
        if self._origins and len(path) > 1 and path[0] == "rules" and isinstance(path[1], int):
            return ("rules", self._origins[path[1]], *path[2:])
        return path


class _FileReader:
    """Reads a policy file, its variables and what it includes.

    Attributes:
        unresolved: the places of values whose variables or files have no value.
    """

    def __init__(self, path: Path, environment: Mapping[str, str], *, allow_unset: bool) -> None:
        self._path = path
        self._folder = path.parent.resolve()
        self._environment = environment
        self._allow_unset = allow_unset
        self._origins: list[int] = []
        self.unresolved: set[Place] = set()

    def load(self) -> _Loading:
        document = self._read(self._path, str(self._path))
        if isinstance(document.data, dict) and isinstance(document.data.get("rules"), list):
            self._include(document)
        return _Loading(document, self._origins, self.unresolved, is_file=True, folder=self._path.parent)

    def _read(self, path: Path, name: str) -> Document:
        try:
            with path.open("rb") as file:
                content = file.read(_MAX_FILE + 1)
        except OSError as error:
            raise PolicyError([f"{name}: cannot be read: {error.strerror}"]) from None
        if len(content) > _MAX_FILE:
            raise PolicyError([f"{name}: is longer than {_MAX_FILE} bytes"])
        try:
            text = content.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise PolicyError([f"{name}: is not text in UTF-8 (byte {error.start})"]) from None
        problems: list[Problem] = []

        def value(text: str, path: KeyPath, place: Place) -> str:
            try:
                return interpolate(text, self._environment)
            except Unset as error:
                if error.is_variable and self._allow_unset:
                    return _STAND_IN
                self.unresolved.add(place)
                problems.append(Problem(path, str(error), place))
                return ""

        document = parse_yaml(text, name, value)
        document.problems += problems
        self.unresolved |= document.empty
        return document

    def _include(self, document: Document) -> None:
        """Put the rules of included files where their `include` stands."""
        rules: list[Any] = []
        main = document.data["rules"]
        places = dict(document.items_of(main))
        self._collect(main, places, (self._path.resolve(),), rules, document)
        document.data["rules"] = rules
        document.put(document.data, "rules", places.get(0, document.place(("rules",))))

    def _collect(
        self,
        items: list[Any],
        places: Mapping[str | int, Place],
        files: tuple[Path, ...],
        into: list[Any],
        root: Document,
    ) -> None:
        for number, item in enumerate(items):
            place = places[number]
            if not (isinstance(item, dict) and "include" in item):
                root.put(into, len(into), place)
                into.append(item)
                self._origins.append(number)
                continue
            path: KeyPath = ("rules", number)
            if set(item) != {"include"} or not isinstance(item["include"], str):
                root.problems.append(Problem(path, "an include stands alone (write - include: rules.d/*.yaml)", place))
                continue
            place = root.items_of(item)["include"]
            found, problems = self._included(item["include"], files)
            root.problems += [Problem((*path, "include"), message, place) for message in problems]
            for file in found:
                name = str(self._path.parent / file.relative_to(self._folder))
                part = self._read(file, name)
                part.problems = [problem._replace(path=("rules", *problem.path)) for problem in part.problems]
                root.adopt(part)
                if isinstance(part.data, list):
                    self._collect(part.data, part.items_of(part.data), (*files, file), into, root)
                elif part.data is not None:
                    message = "an included file is a bare list of rules (write - name: … in its first column)"
                    root.problems.append(Problem((), message, Place(name, 1, 1)))

    def _included(self, pattern: str, files: tuple[Path, ...]) -> tuple[list[Path], list[str]]:
        """The files that an include stands for, and what is wrong with it."""
        if pattern.startswith(("/", "~")) or ".." in Path(pattern).parts:
            return [], ["an include is relative to its file, and below the policy's folder (write rules.d/*.yaml)"]
        try:
            matches = [match.resolve() for match in files[-1].parent.glob(pattern) if match.is_file()]
        except ValueError:
            return [], ["not a pattern for files (write rules.d/*.yaml)"]
        if not matches:
            return [], [f"no file matches {pattern} (it is sought in {files[-1].parent})"]
        outside = {match for match in matches if not match.is_relative_to(self._folder)}
        problems = [f"{match.name} lies outside the policy's folder" for match in sorted(outside, key=_natural)]
        problems += [f"{match.name} includes itself" for match in matches if match in files]
        return sorted({*matches} - outside - {*files}, key=_natural), problems


def _natural(path: Path) -> list[tuple[int, int, str]]:
    """`9-a` before `10-a`: digits count as numbers."""
    pieces = re.split(r"([0-9]+)", str(path))
    return [(1, int(piece), "") if number % 2 else (0, 0, piece) for number, piece in enumerate(pieces)]
