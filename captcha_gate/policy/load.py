"""Loads a policy: its file, what that includes, its variables; reports every problem with its place."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from captcha_gate.errors import PolicyError
from captcha_gate.policy.compile import Compiler
from captcha_gate.policy.document import Document, KeyPath, Place, Problem, parse_yaml, written_path
from captcha_gate.policy.interpolation import Unset, interpolate
from captcha_gate.policy.lint import escapes, warnings
from captcha_gate.rules import Policy

__all__ = ["load_policy"]

#: Bytes of a policy file: a hundred times the largest that anybody writes.
_MAX_FILE: Final = 16 * 1024 * 1024


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
        allow_unset: take variables and files without a value as if they had one that fits. For checking only.

    Raises:
        PolicyError: with every problem, each as `file:line:column: key: what is wrong (what to write instead)`.

    """
    if isinstance(source, Mapping):
        loading = _Loading(Document("policy", source if isinstance(source, dict) else dict(source)))
    else:
        reader = _FileReader(Path(source), os.environ if environment is None else environment)
        loading = reader.load()
        if allow_unset:
            loading.forgive(reader.unset)
    return loading.compiled()


class _Loading:
    """A document on its way to a policy.

    Attributes:
        origins: for each rule after inclusion, its number in its own file; empty where nothing was included.

    """

    def __init__(self, document: Document, origins: list[int] | None = None, *, is_file: bool = False) -> None:
        self._document = document
        self._origins = origins or []
        self._is_file = is_file
        self._forgiven: set[Place] = set()

    def forgive(self, places: set[Place]) -> None:
        """Drop the problems of values that a variable without value stands for."""
        self._forgiven = places

    def compiled(self) -> Policy:
        rules = self._document.data.get("rules") if isinstance(self._document.data, dict) else None
        count = len(rules) if isinstance(rules, list) else 0
        where = {number: str(self._place(("rules", number))) for number in range(count)} if self._is_file else {}
        compiler = Compiler(self._document.data, where)
        policy = compiler.compile() if self._document.data is not None else None
        problems = [*self._document.problems, *compiler.problems]
        if self._document.data is None and not problems:
            problems.append(Problem((), "the policy is empty"))
        if policy is not None:
            problems += escapes(policy)
        lines = self._written(problems)
        if lines or policy is None:
            raise PolicyError(lines or ["the policy cannot be checked while its variables have no value"])
        return replace(policy, warnings=tuple(text.removeprefix(": ") for text in warnings(policy)))

    def _written(self, problems: list[Problem]) -> list[str]:
        placed = [(problem.place or self._place(problem.path), problem) for problem in problems]
        kept = [(place, problem) for place, problem in placed if place not in self._forgiven]
        kept.sort(key=lambda item: item[0])
        lines = []
        for place, problem in kept:
            key = written_path(self._own(self._document.clip(problem.path)))
            parts = [str(place)] if self._is_file else []
            lines.append(": ".join([*parts, *([key] if key else []), problem.message]))
        return list(dict.fromkeys(lines))

    def _place(self, path: KeyPath) -> Place:
        return self._document.place(path)

    def _own(self, path: KeyPath) -> KeyPath:
        """The path as it is in the file that it is written in."""
        if self._origins and len(path) > 1 and path[0] == "rules" and isinstance(path[1], int):
            return ("rules", self._origins[path[1]], *path[2:])
        return path


class _FileReader:
    """Reads a policy file, its variables and what it includes.

    Attributes:
        unset: the places of values that hold a variable, or a file, without value.

    """

    def __init__(self, path: Path, environment: Mapping[str, str]) -> None:
        self._path = path
        self._folder = path.parent.resolve()
        self._environment = environment
        self._origins: list[int] = []
        self.unset: set[Place] = set()

    def load(self) -> _Loading:
        document = self._read(self._path, str(self._path))
        if isinstance(document.data, dict) and isinstance(document.data.get("rules"), list):
            self._include(document)
        return _Loading(document, self._origins, is_file=True)

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

        def value(text: str, path: KeyPath, place: Place) -> str | None:
            try:
                return interpolate(text, self._environment)
            except Unset as error:
                if error.is_variable:
                    self.unset.add(place)
                problems.append(Problem(path, str(error), place))
                return None

        document = parse_yaml(text, name, value)
        document.problems += problems
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
            if set(item) != {"include"} or not isinstance(item["include"], str):
                root.problems.append(
                    Problem(("rules", len(into)), "an include stands alone (write - include: rules.d/*.yaml)", place)
                )
                continue
            for path in self._included(item["include"], files, place, root):
                name = str(self._path.parent / path.relative_to(self._folder))
                part = self._read(path, name)
                root.adopt(part)
                if isinstance(part.data, list):
                    self._collect(part.data, part.items_of(part.data), (*files, path), into, root)
                elif part.data is not None:
                    root.problems.append(Problem((), "an included file is a bare list of rules", Place(name, 1, 1)))

    def _included(self, pattern: str, files: tuple[Path, ...], place: Place, root: Document) -> list[Path]:
        path: KeyPath = ("include",)
        if pattern.startswith(("/", "~")) or ".." in Path(pattern).parts:
            root.problems.append(Problem(path, "an include is relative, and below the policy's folder", place))
            return []
        found = sorted((match.resolve() for match in files[-1].parent.glob(pattern) if match.is_file()), key=_natural)
        if not found:
            root.problems.append(Problem(path, f"no file matches {pattern}", place))
        for match in found:
            if not match.is_relative_to(self._folder):
                root.problems.append(Problem(path, f"{match.name} lies outside the policy's folder", place))
            elif match in files:
                root.problems.append(Problem(path, f"{match.name} includes itself", place))
        return [match for match in found if match.is_relative_to(self._folder) and match not in files]


def _natural(path: Path) -> list[tuple[int, int, str]]:
    """`9-a` before `10-a`: digits count as numbers."""
    pieces = re.split(r"([0-9]+)", str(path))
    return [(1, int(piece), "") if piece.isdigit() else (0, 0, piece) for piece in pieces]
