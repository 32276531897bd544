"""Token fields of `multipart/form-data` bodies (RFC 7578), read strictly. Files are not read, only passed by.

The parser is the `multipart` package in strict mode: no bare line feeds, no folded headers. What it leaves to the
caller, or sees only where the chunks happen to end in the right place, is refused here: a preamble, an epilogue, line
breaks in part headers, and part headers that frameworks take in different ways.
"""

from __future__ import annotations

import re
from typing import Final

try:
    from multipart import MultipartError, MultipartSegment, ParserError, ParserLimitReached, PushMultipartParser
except ImportError as error:  # python-multipart before 0.0.13 goes by the same name
    raise ImportError(
        "another package is named multipart here: upgrade python-multipart to 0.0.13 or newer, "
        "then install multipart again"
    ) from error

from captcha_gate.tokens.extractor import MAX_FIELDS, Enough, malformed, too_many
from captcha_gate.tokens.fields import FieldNames

__all__ = ["MultipartExtractor", "boundary_of"]

_BOUNDARY: Final = re.compile(
    r';[ \t]*boundary=(?:"([0-9A-Za-z\'()+_,\-./:=? ]{1,70})"|([0-9A-Za-z\'()+_\-./:=?]{1,70}))[ \t]*(?=;|\Z)',
    re.IGNORECASE | re.ASCII,  # ASCII: or `[a-z]` takes in the Kelvin sign and its like
)
_BOUNDARY_NAMED: Final = re.compile(r";[ \t]*boundary", re.IGNORECASE | re.ASCII)
_TOKEN: Final = r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
_PARAMETER: Final = re.compile(rf';[ \t]*({_TOKEN})[ \t]*=[ \t]*("(?:[^"\\]|\\.)*"|{_TOKEN})[ \t]*')
_DISPOSITION: Final = re.compile(rf"form-data[ \t]*(?:{_PARAMETER.pattern})*", re.IGNORECASE | re.ASCII)
_PLAIN_ENCODINGS: Final = frozenset({"7bit", "8bit", "binary"})


def boundary_of(content_type: str) -> str | None:
    """The boundary of a multipart content type; `None` where it is missing, given twice, or in extended notation."""
    found: list[tuple[str, str]] = _BOUNDARY.findall(content_type)
    if len(found) != 1 or len(_BOUNDARY_NAMED.findall(content_type)) != 1:
        return None
    return found[0][0] or found[0][1]


class _Parser(PushMultipartParser):  # type: ignore[misc]  # the package carries no types
    """Reads part headers the same way however the body was cut."""

    def _on_segment_headerline(self, line: bytes) -> None:
        # The parser's own look at both sees only lines that are not complete at the end of a chunk.
        if b"\n" in line or b"\r" in line:
            raise ParserError("a line break in a part header")
        if len(line) >= self.max_header_size:
            raise ParserLimitReached("a part header is too long")
        super()._on_segment_headerline(line)


class MultipartExtractor:
    """Stops where a file begins once the fields are complete, so that an upload streams on to the application."""

    reads_whole = False
    pending = 0

    def __init__(self, names: FieldNames, boundary: str, enough: Enough) -> None:
        self.values: dict[str, list[str]] = {}
        self._names = names
        self._enough = enough
        self._parser = _Parser(
            boundary, strict=True, max_header_size=8192, max_header_count=16, max_segment_count=MAX_FIELDS
        )
        self._delimiter = b"\r\n--" + boundary.encode("ascii")
        self._closing = self._delimiter + b"--"
        self._start: bytes | None = b""  # what was fed, until it is as long as a delimiter
        self._tail = b"\r\n"  # so that a closing delimiter at the very start is one too
        self._closed = False
        self._name: str | None = None  # of the wanted part that is being read
        self._value = bytearray()

    def feed(self, chunk: bytes) -> bool:
        if self._start is not None:
            chunk = self._start + chunk
            if len(chunk) < len(self._delimiter):
                self._start = chunk
                return False
            self._start = None
            self._refuse_preamble(chunk)
        if self._closed:
            self._refuse_epilogue(chunk)
            return False
        window = self._tail + chunk
        end = window.find(self._closing)
        if end < 0:
            self._tail = window[1 - len(self._closing) :]
            return self._parse(chunk)
        self._closed = True
        length = end + len(self._closing) - len(self._tail)
        self._refuse_epilogue(chunk[length:])
        return self._parse(chunk[:length])

    def finish(self) -> None:
        try:
            self._parser.close()
        except MultipartError:
            malformed("the multipart body ends before its closing delimiter")

    def _parse(self, chunk: bytes) -> bool:
        try:
            for event in self._parser.parse(chunk):
                if isinstance(event, MultipartSegment):
                    if self._begins_file(event) and self._enough(self.values):
                        return True
                elif event is None:
                    self._end_part()
                elif self._name is not None:
                    self._value += event
        except ParserLimitReached:
            too_many("the multipart body has too many parts, or part headers that are too long")
        except MultipartError:
            malformed("the multipart body breaks RFC 7578")
        return False

    def _begins_file(self, part: MultipartSegment) -> bool:
        dispositions = [value for name, value in part.headerlist if name == "Content-Disposition"]
        if len(dispositions) != 1 or not _DISPOSITION.fullmatch(dispositions[0]):
            malformed("a part has an unclear Content-Disposition")
        parameters: list[tuple[str, str]] = _PARAMETER.findall(dispositions[0])
        keys = [key.lower() for key, _ in parameters]
        if len(set(keys)) < len(keys) or "name*" in keys:
            malformed("a part names itself twice")
        is_file = "filename" in keys or "filename*" in keys
        name = dict(zip(keys, (value for _, value in parameters), strict=True)).get("name", "")
        name = name[1:-1] if name.startswith('"') else name
        encodings = {
            value.strip().lower() for header, value in part.headerlist if header == "Content-Transfer-Encoding"
        }
        self._name = self._names.known_as(name) if not is_file and encodings <= _PLAIN_ENCODINGS else None
        return is_file

    def _end_part(self) -> None:
        if self._name is not None:
            if self._delimiter[2:] in self._value:
                # With the line end of the blank line, or a bare line feed, before it, others take it for a delimiter.
                malformed("a field holds what may be a delimiter")
            self.values.setdefault(self._name, []).append(self._value.decode("utf-8", "replace"))
        self._name = None
        self._value = bytearray()

    def _refuse_preamble(self, start: bytes) -> None:
        # The parser passes one by where it ends within the first chunk.
        if not start.removeprefix(b"\r\n").startswith(self._delimiter[2:]):
            malformed("there is something before the multipart body's first delimiter")

    @staticmethod
    def _refuse_epilogue(rest: bytes) -> None:
        # Django reads parts that stand behind the end; nobody else does.
        if rest.strip(b"\r\n"):
            malformed("there is something behind the multipart body's end")
