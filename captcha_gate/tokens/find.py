"""Finds a request's token: which source, which provider, how much of the body. Does no I/O: it asks for chunks."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from captcha_gate.effects import Compute, Flow, ReadChunk
from captcha_gate.errors import RepeatedField, UnreadableRequest
from captcha_gate.outcome import Reason
from captcha_gate.request import Pairs, RequestView
from captcha_gate.tokens.extractor import Extractor, malformed, too_many
from captcha_gate.tokens.fields import FieldNames, Source, TokenSettings, Values, Wanted, names_of
from captcha_gate.tokens.json_body import JsonExtractor
from captcha_gate.tokens.multipart_body import MultipartExtractor, boundary_of
from captcha_gate.tokens.urlencoded import UrlEncodedExtractor

__all__ = ["Token", "find_token"]

#: Bytes that are parsed at once where they are; more must not hold up an event loop.
_READ_AT_ONCE: Final = 64 * 1024
_BODY: Final = frozenset({Source.JSON, Source.FORM})
_JSON_TYPE: Final = re.compile(r"application/(?:[a-z0-9!#$&^_.+\-]+\+)?json")
_CHARSETS: Final = frozenset({"utf-8", "utf8", "us-ascii"})
_CHARSET: Final = re.compile(r';[ \t]*charset[ \t]*=[ \t]*"?([^";, \t]*)', re.IGNORECASE | re.ASCII)


@dataclass(frozen=True, slots=True)
class Token:
    """A complete set of one provider's token fields. Its repr shows names only: the values are credentials."""

    provider: str
    source: Source
    fields: dict[str, str] = field(repr=False)


def find_token(wanted: Sequence[Wanted], settings: TokenSettings, view: RequestView) -> Flow[Token | None]:
    """The first provider, in the rule's order, all of whose fields stand in one source.

    Raises:
        RepeatedField: a wanted field was given twice in a source that was read.
        UnreadableRequest: the body had to be read and could not be.
    """
    _refuse_unclear_framing(view)
    body: tuple[Source | None, Values] | None = None
    for want in wanted:
        for source in settings.sources:
            if source not in _BODY:
                values = _outside_body(source, want, view)
            elif view.kind == "http":
                if body is None:
                    body = yield from _read_body(wanted, settings, view)
                values = body[1] if body[0] is source else {}
            else:
                continue
            fields = _complete(want, source, values) if values else None
            if fields is not None:
                return Token(want.provider, source, fields)
    return None


def _refuse_unclear_framing(view: RequestView) -> None:
    """Refuse a request whose end a proxy before us may have seen elsewhere (RFC 9112 §6.3: smuggling)."""
    if view.headers.get_all("transfer-encoding") and view.headers.get_all("content-length"):
        malformed("the request has both a Content-Length and a Transfer-Encoding")
    _declared_length(view)


def _complete(want: Wanted, source: Source, values: Values) -> dict[str, str] | None:
    """The fields of the one set of names that is complete. Two sets that differ are fields given twice."""
    complete: list[dict[str, str]] = []
    for number, names in enumerate(want.names_in(source)):
        found = {field_name: values.get(name, []) for field_name, name in names.items()}
        if number == 0 or all(found.values()):
            _refuse_repeated(want, found)
        fields = {
            field_name: given[0]
            for field_name, given in found.items()
            if given and (given[0] or field_name in want.may_be_empty)
        }
        if len(fields) == len(names):
            complete.append(fields)
    if len(complete) > 1 and any(other != complete[0] for other in complete):
        raise RepeatedField(want.provider, next(iter(want.names)))
    return complete[0] if complete else None


def _refuse_repeated(want: Wanted, found: Values) -> None:
    for field_name, given in found.items():
        if len(given) > 1:
            raise RepeatedField(want.provider, field_name)


def _outside_body(source: Source, want: Wanted, view: RequestView) -> Values:
    if source is Source.HEADER:
        # WSGI servers and proxies join a header that was sent twice with a comma, so one in a value cannot be told from
        # that: a token that holds one, as VAPTCHA's may, comes in the body.
        names = want.headers.values()
        return {name: _items(values) for name in names if (values := view.headers.get_all(name))}
    return _values_of(want.all_names, view.query if source is Source.QUERY else view.cookies)


def _values_of(names: FieldNames, pairs: Pairs) -> Values:
    values: dict[str, list[str]] = {}
    for given, value in pairs:
        name = names.known_as(given)
        if name is not None:
            values.setdefault(name, []).append(value)
    return values


def _items(values: list[str]) -> list[str]:
    return [item.strip(" \t") for value in values for item in value.split(",")]


def _read_body(
    wanted: Sequence[Wanted], settings: TokenSettings, view: RequestView
) -> Flow[tuple[Source | None, Values]]:
    """Read as much of the body as the fields need. The source is `None` for a type that is not ours to read."""
    source = _body_source(view)
    if source is None or source not in settings.sources:
        return None, {}
    if any(value.strip(" \t").lower() not in ("", "identity") for value in view.headers.get_all("content-encoding")):
        raise UnreadableRequest(Reason.CONTENT_ENCODING, "the gate does not decompress request bodies")
    extractor = _extractor(source, wanted, view)
    declared = _declared_length(view)
    if declared is not None and declared > settings.max_body and extractor.reads_whole:
        too_many(f"the body is longer than {settings.max_body} bytes")
    yield from _feed(extractor, settings)
    for want in wanted:
        _complete(want, source, extractor.values)  # a repetition counts for all of them, whichever is taken
    return source, extractor.values


def _feed(extractor: Extractor, settings: TokenSettings) -> Flow[None]:
    left = settings.max_body
    while chunk := (yield from ReadChunk(settings.body_timeout)):
        if left and extractor.feed(chunk[:left]):
            return
        left -= len(chunk)
        if left < 0:
            too_many(f"the token fields are not complete within {settings.max_body} bytes")
    if extractor.pending > _READ_AT_ONCE:
        yield from Compute(extractor.finish)
    elif left < settings.max_body:
        extractor.finish()


def _body_source(view: RequestView) -> Source | None:
    charsets = {charset.lower() for charset in _CHARSET.findall(view.header("content-type") or "")}
    if not charsets <= _CHARSETS:
        return None
    if view.media_type in ("application/x-www-form-urlencoded", "multipart/form-data"):
        return Source.FORM
    return Source.JSON if _JSON_TYPE.fullmatch(view.media_type) else None


def _extractor(source: Source, wanted: Sequence[Wanted], view: RequestView) -> Extractor:
    names = names_of(wanted)
    if source is Source.JSON:
        return JsonExtractor(names)
    if view.media_type == "application/x-www-form-urlencoded":
        return UrlEncodedExtractor(names)
    boundary = boundary_of(view.header("content-type") or "")
    if boundary is None:
        malformed("the multipart content type has no single plain boundary")

    def enough(values: Values) -> bool:
        return any(_complete(want, source, values) is not None for want in wanted)

    return MultipartExtractor(names, boundary, enough)


def _declared_length(view: RequestView) -> int | None:
    declared = view.headers.get_all("content-length")
    if not declared:
        return None
    # `+28`, `2_8` and `-1` get through some servers, and int() would take the first two.
    if len(declared) > 1 or not re.fullmatch("[0-9]{1,18}", declared[0].strip(" \t")):
        malformed("the Content-Length is no number")
    return int(declared[0])
