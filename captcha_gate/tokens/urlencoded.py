"""Token fields of `application/x-www-form-urlencoded` bodies, fed piece by piece. Decodes wanted fields only."""

from __future__ import annotations

from urllib.parse import unquote_to_bytes

from captcha_gate.tokens.extractor import MAX_FIELDS, too_many
from captcha_gate.tokens.fields import FieldNames

__all__ = ["UrlEncodedExtractor"]


class UrlEncodedExtractor:
    """Splits on `&` alone: a `;` is data to every framework of today. Read whole, so that a repetition is seen."""

    reads_whole = True

    def __init__(self, names: FieldNames) -> None:
        self.values: dict[str, list[str]] = {}
        self._names = names
        # Escaped, each byte takes three; decoding what is longer anyhow would be work for nothing.
        self._longest = 3 * names.longest
        self._partial = bytearray()
        self._count = 0

    @property
    def pending(self) -> int:
        return len(self._partial)

    def feed(self, chunk: bytes) -> bool:
        head, *rest = chunk.split(b"&")
        self._partial += head
        if rest:
            *whole, last = rest
            for pair in (bytes(self._partial), *whole):
                self._take(pair)
            self._partial = bytearray(last)
        return False

    def finish(self) -> None:
        self._take(bytes(self._partial))

    def _take(self, pair: bytes) -> None:
        self._count += 1
        if self._count > MAX_FIELDS:
            too_many(f"the form has more than {MAX_FIELDS} fields")
        raw_name, _, raw_value = pair.partition(b"=")
        if len(raw_name) > self._longest:
            return
        name = self._names.known_as(_decoded(raw_name))
        if name is not None:
            self.values.setdefault(name, []).append(_decoded(raw_value))


def _decoded(raw: bytes) -> str:
    # A value that is no UTF-8 becomes U+FFFD, which no field's grammar accepts.
    return unquote_to_bytes(raw.replace(b"+", b" ")).decode("utf-8", "replace")
