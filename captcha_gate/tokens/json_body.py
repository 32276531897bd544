"""Token fields of JSON bodies. Dotted names walk into objects; a name given twice on the way is seen."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any, Final, NoReturn

from captcha_gate.tokens.extractor import malformed
from captcha_gate.tokens.fields import FieldNames

__all__ = ["JsonExtractor"]

#: Deeper than any honest document; Python's own reader gives up at about a thousand, wherever the stack stands then.
MAX_DEPTH: Final = 100
#: Longer than any number that a token field may be; Python refuses to convert more than 4300 digits.
MAX_DIGITS: Final = 4300

# Possessive, for a long string would otherwise be remembered byte by byte, at a hundred bytes each.
_BRACKETS: Final = re.compile(rb'"(?:[^"\\]++|\\.)*+"?|[\[\]{}]', re.DOTALL)


class _Ambiguous(dict[str, Any]):
    """A JSON object in which names were given more than once: frameworks take the last, we refuse."""

    __slots__ = ("repeated",)

    def __init__(self, pairs: list[tuple[str, Any]]) -> None:
        super().__init__(pairs)
        self.repeated = {name for name, count in Counter(name for name, _ in pairs).items() if count > 1}


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    plain = dict(pairs)
    return plain if len(plain) == len(pairs) else _Ambiguous(pairs)


class JsonExtractor:
    """Read whole: a document means nothing before its end."""

    reads_whole = True

    def __init__(self, names: FieldNames) -> None:
        self.values: dict[str, list[str]] = {}
        self._names = names
        self._body = bytearray()

    @property
    def pending(self) -> int:
        return len(self._body)

    def feed(self, chunk: bytes) -> bool:
        self._body += chunk
        return False

    def finish(self) -> None:
        document = _parse(bytes(self._body))
        for name in self._names.exact:
            self._take(name, _walk(document, name.split(".")))
        if self._names.any_case and isinstance(document, dict):
            for given in document:
                known = self._names.known_as(given)
                if known is not None and given not in self._names.exact:
                    self._take(known, _walk(document, [given]))

    def _take(self, name: str, found: Iterator[str]) -> None:
        values = [*self.values.get(name, ()), *found]
        if values:
            self.values[name] = values


def _parse(body: bytes) -> Any:
    if _too_deep(body):
        malformed(f"the JSON is nested deeper than {MAX_DEPTH} levels")
    try:
        # utf-8-sig: a byte order mark is tolerated. UTF-16 and UTF-32, which some frameworks guess, are not.
        text = body.decode("utf-8-sig")
        return json.loads(text, object_pairs_hook=_object, parse_int=_integer, parse_constant=_constant)
    except (ValueError, RecursionError):
        malformed("the body is not JSON in UTF-8")


def _too_deep(body: bytes) -> bool:
    if body.count(b"[") + body.count(b"{") <= MAX_DEPTH:
        return False
    depth = 0
    for token in _BRACKETS.finditer(body):
        if token[0] in (b"[", b"{"):
            depth += 1
            if depth > MAX_DEPTH:
                return True
        elif token[0] in (b"]", b"}"):
            depth -= 1
    return False


def _integer(digits: str) -> int | float:
    return int(digits) if len(digits) <= MAX_DIGITS else float("inf")


def _constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is JavaScript, not JSON")


def _walk(node: Any, steps: list[str]) -> Iterator[str]:
    """The value at the end of the steps; two where any step on the way was repeated, whatever stands there."""
    for step in steps:
        if not isinstance(node, dict) or step not in node:
            return
        if isinstance(node, _Ambiguous) and step in node.repeated:
            yield from ("", "")
            return
        node = node[step]
    text = _text(node)
    if text is not None:
        yield text


def _text(value: Any) -> str | None:
    """Text as it stands, and whole numbers, which pages send for `gen_time`. Nothing else is a token field."""
    if isinstance(value, str):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return None
