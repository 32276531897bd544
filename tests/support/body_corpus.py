"""Bodies as clients and attackers send them, each with what a search for GeeTest's four fields must come to.

A corpus is a dictionary of names; `Body.outcome` is `token`, `missing`, `repeated` or a reason of `unreadable`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from support.world import TOKEN

FORM = "application/x-www-form-urlencoded"
JSON = "application/json"
MULTIPART = "multipart/form-data; boundary=XX"
LOT = TOKEN["lot_number"]
FORM_BODY = urlencode(TOKEN).encode()
JSON_BODY = json.dumps(TOKEN).encode()


@dataclass(frozen=True)
class Body:
    """A body, its type, and what must come of it; `fields` where they differ from `TOKEN`."""

    content_type: str
    data: bytes
    outcome: str
    fields: dict[str, str] | None = None


def part(name: str, value: str | bytes, *more: str, disposition: str = 'form-data; name="{}"') -> bytes:
    """One part of a multipart body, behind its delimiter. `more`: further header lines."""
    value = value.encode() if isinstance(value, str) else value
    lines = [f"Content-Disposition: {disposition.format(name)}", *more]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + value


def file_part(name: str = "photo", value: bytes = b"\xff\xd8 not a photo", filename: str = "me.jpg") -> bytes:
    return part(name, value, "Content-Type: image/jpeg", disposition=f'form-data; name="{{}}"; filename="{filename}"')


def joined(*parts: bytes, boundary: str = "XX", end: bytes = b"--\r\n") -> bytes:
    """A multipart body of these parts."""
    mark = b"--" + boundary.encode()
    return b"".join(mark + b"\r\n" + each + b"\r\n" for each in parts) + mark + end


def token_parts(*more: str, disposition: str = 'form-data; name="{}"', **changed: str | bytes) -> list[bytes]:
    """The four fields as parts; a keyword replaces a value."""
    fields: dict[str, str | bytes] = {**TOKEN, **changed}
    return [part(name, value, *more, disposition=disposition) for name, value in fields.items()]


def multipart(*parts: bytes, boundary: str = "XX", end: bytes = b"--\r\n", outcome: str = "token") -> Body:
    """A body with a plain content type; the token's parts unless others are given."""
    data = joined(*(parts or token_parts()), boundary=boundary, end=end)
    return Body(f"multipart/form-data; boundary={boundary}", data, outcome)


def typed(content_type: str, data: bytes | None = None, outcome: str = "body_malformed") -> Body:
    """A good multipart body behind an odd content type."""
    return Body(content_type, joined(*token_parts()) if data is None else data, outcome)


def fields(**changed: str) -> dict[str, str]:
    return {**TOKEN, **changed}


def document(**changed: Any) -> bytes:
    return json.dumps({**TOKEN, **changed}).encode()


def with_lot(raw: bytes) -> bytes:
    """The JSON token with this text, as it stands, for its `lot_number`."""
    return JSON_BODY.replace(f'"{LOT}"'.encode(), raw)


FORMS = {
    "plain": Body(FORM, FORM_BODY, "token"),
    "among other fields": Body(FORM, b"user=a%20b&" + FORM_BODY + b"&remember=on", "token"),
    "upper-case type": Body("APPLICATION/X-WWW-FORM-URLENCODED", FORM_BODY, "token"),
    "charset utf-8": Body(FORM + '; charset="UTF-8"', FORM_BODY, "token"),
    "charset utf-16": Body(FORM + "; charset=utf-16", FORM_BODY, "missing"),
    "charset utf-7": Body(FORM + "; charset=utf-7", FORM_BODY, "missing"),
    "two charsets": Body(FORM + "; charset=utf-8; charset=utf-16", FORM_BODY, "missing"),
    "percent-encoded name": Body(FORM, FORM_BODY.replace(b"lot_number", b"%6Cot%5fnumber"), "token"),
    "plus in a value": Body(
        FORM, FORM_BODY.replace(b"gen_time=", b"gen_time=+"), "token", fields(gen_time=" 1653302332")
    ),
    "trailing ampersand": Body(FORM, FORM_BODY + b"&", "token"),
    "broken percent sign elsewhere": Body(FORM, b"note=100%&x=%zz&" + FORM_BODY, "token"),
    "bytes that are no UTF-8 elsewhere": Body(FORM, b"note=%ff\xfe&" + FORM_BODY, "token"),
    "NUL in a value": Body(FORM, FORM_BODY + b"%00", "token", fields(gen_time="1653302332\0")),
    "no UTF-8 in a value": Body(FORM, FORM_BODY + b"%ff", "token", fields(gen_time="1653302332\ufffd")),
    "NUL in a name": Body(FORM, FORM_BODY.replace(b"lot_number", b"lot_number%00"), "missing"),
    "name in brackets": Body(FORM, FORM_BODY.replace(b"lot_number", b"lot_number[]"), "missing"),
    "name in capitals": Body(FORM, FORM_BODY.replace(b"lot_number", b"LOT_NUMBER"), "missing"),
    "empty value": Body(FORM, FORM_BODY.replace(LOT.encode(), b""), "missing"),
    "no value": Body(FORM, FORM_BODY.replace(b"=" + LOT.encode(), b""), "missing"),
    "one field lacks": Body(FORM, FORM_BODY.partition(b"&")[2], "missing"),
    "a field twice": Body(FORM, FORM_BODY + b"&lot_number=other", "repeated"),
    "a field twice alike": Body(FORM, FORM_BODY + b"&" + FORM_BODY, "repeated"),
    "a field twice, once empty": Body(FORM, b"lot_number=&" + FORM_BODY, "repeated"),
    "a field twice, once escaped": Body(FORM, FORM_BODY + b"&lot%5Fnumber=other", "repeated"),
    "semicolons between fields": Body(FORM, FORM_BODY.replace(b"&", b";"), "missing"),
    "semicolon in a value": Body(FORM, FORM_BODY + b";x=1", "token", fields(gen_time="1653302332;x=1")),
    "1000 fields": Body(FORM, b"a=1&" * 996 + FORM_BODY, "token"),
    "1001 fields": Body(FORM, b"a=1&" * 997 + FORM_BODY, "body_too_large"),
    "1001 fields, the token first": Body(FORM, FORM_BODY + b"&a=1" * 997, "body_too_large"),
    "ampersands only": Body(FORM, b"&" * 5000, "body_too_large"),
    "nothing": Body(FORM, b"", "missing"),
    "junk": Body(FORM, bytes(range(256)) * 4, "missing"),
    "JSON under a form's type": Body(FORM, JSON_BODY, "missing"),
}

JSONS = {
    "plain": Body(JSON, JSON_BODY, "token"),
    "gen_time as a number": Body(JSON, document(gen_time=1653302332), "token"),
    "vendor type": Body("application/vnd.api+json", JSON_BODY, "token"),
    "upper-case type": Body("APPLICATION/JSON", JSON_BODY, "token"),
    "charset utf-8": Body("application/json; charset=utf-8", JSON_BODY, "token"),
    "charset utf-16": Body("application/json; charset=utf-16", JSON_BODY.decode().encode("utf-16"), "missing"),
    "byte order mark": Body(JSON, b"\xef\xbb\xbf" + JSON_BODY, "token"),
    "two byte order marks": Body(JSON, b"\xef\xbb\xbf" * 2 + JSON_BODY, "body_malformed"),
    "UTF-16": Body(JSON, JSON_BODY.decode().encode("utf-16"), "body_malformed"),
    "UTF-16 without mark": Body(JSON, JSON_BODY.decode().encode("utf-16-le"), "body_malformed"),
    "UTF-32": Body(JSON, JSON_BODY.decode().encode("utf-32-be"), "body_malformed"),
    "latin-1": Body(JSON, b'{"name": "Jos\xe9"}', "body_malformed"),
    "surrogate in UTF-8": Body(JSON, with_lot(b'"\xed\xa0\x80"'), "body_malformed"),
    "space around": Body(JSON, b" \r\n\t" + JSON_BODY + b"\n", "token"),
    "escaped name": Body(JSON, JSON_BODY.replace(b"lot_number", b"\\u006cot\\u005Fnumber"), "token"),
    "escaped value": Body(JSON, with_lot(b'"\\u0041\\/"'), "token", fields(lot_number="A/")),
    "lone surrogate": Body(JSON, with_lot(b'"\\ud800"'), "token", fields(lot_number="\ud800")),
    "NUL": Body(JSON, with_lot(b'"a\\u0000b"'), "token", fields(lot_number="a\0b")),
    "NUL as it stands": Body(JSON, with_lot(b'"a\0b"'), "body_malformed"),
    "a field twice": Body(JSON, JSON_BODY[:-1] + b', "lot_number": "other"}', "repeated"),
    "a field twice alike": Body(JSON, JSON_BODY[:-1] + b"," + JSON_BODY[1:], "repeated"),
    "a field twice, once escaped": Body(JSON, JSON_BODY[:-1] + b', "\\u006cot_number": "other"}', "repeated"),
    "a field twice, first null": Body(JSON, b'{"lot_number": null,' + JSON_BODY[1:], "repeated"),
    "a field twice, then null": Body(JSON, JSON_BODY[:-1] + b', "lot_number": null}', "repeated"),
    "another field twice": Body(JSON, JSON_BODY[:-1] + b', "x": 1, "x": 2}', "token"),
    "null": Body(JSON, document(lot_number=None), "missing"),
    "empty": Body(JSON, document(lot_number=""), "missing"),
    "a list": Body(JSON, document(lot_number=[LOT]), "missing"),
    "an object": Body(JSON, document(lot_number={"value": LOT}), "missing"),
    "true": Body(JSON, document(lot_number=True), "missing"),
    "a fraction": Body(JSON, document(gen_time=1653302332.5), "missing"),
    "an exponent": Body(JSON, with_lot(b"1e9"), "missing"),
    "a negative number": Body(JSON, document(gen_time=-1), "token", fields(gen_time="-1")),
    "4300 digits": Body(JSON, with_lot(b"1" * 4300), "token", fields(lot_number="1" * 4300)),
    "4301 digits": Body(JSON, with_lot(b"1" * 4301), "missing"),
    "5000 digits": Body(JSON, with_lot(b"9" * 5000), "missing"),
    "5000 digits elsewhere": Body(JSON, JSON_BODY[:-1] + b', "x": ' + b"9" * 5000 + b"}", "token"),
    "leading zero": Body(JSON, with_lot(b"01"), "body_malformed"),
    "NaN": Body(JSON, JSON_BODY[:-1] + b', "x": NaN}', "body_malformed"),
    "Infinity": Body(JSON, JSON_BODY[:-1] + b', "x": -Infinity}', "body_malformed"),
    "depth 100": Body(JSON, JSON_BODY[:-1] + b', "x": ' + b"[" * 99 + b"]" * 99 + b"}", "token"),
    "depth 101": Body(JSON, JSON_BODY[:-1] + b', "x": ' + b"[" * 100 + b"]" * 100 + b"}", "body_malformed"),
    "depth 5000": Body(JSON, b'{"a":' * 5000 + b"1" + b"}" * 5000, "body_malformed"),
    "depth 100000": Body(JSON, b"[" * 100_000, "body_malformed"),
    "brackets in text are no depth": Body(JSON, document(note='[{"\\' * 500), "token"),
    "many shallow brackets": Body(JSON, JSON_BODY[:-1] + b', "x": [' + b"[],{}," * 500 + b"0]}", "token"),
    "a list of objects": Body(JSON, b"[" + JSON_BODY + b"]", "missing"),
    "a string": Body(JSON, b'"lot_number"', "missing"),
    "truncated": Body(JSON, JSON_BODY[:-1], "body_malformed"),
    "two documents": Body(JSON, JSON_BODY + JSON_BODY, "body_malformed"),
    "trailing comma": Body(JSON, JSON_BODY[:-1] + b",}", "body_malformed"),
    "single quotes": Body(JSON, JSON_BODY.replace(b'"', b"'"), "body_malformed"),
    "a form under JSON's type": Body(JSON, FORM_BODY, "body_malformed"),
    "white space only": Body(JSON, b" \n", "body_malformed"),
    "nothing": Body(JSON, b"", "missing"),
    "junk": Body(JSON, bytes(range(256)), "body_malformed"),
}

_WEBKIT = "----WebKitFormBoundary7MA4YWxkTrZu0gW"
_UUID = "29d5b9a0-2c3f-4bf1-8a2e-0a7d1d9a9f10"


def _dotnet_part(parameters: str, value: bytes) -> bytes:
    head = f"Content-Type: text/plain; charset=utf-8\r\nContent-Disposition: form-data; {parameters}\r\n\r\n"
    return head.encode() + value


def _lot_as(*header_lines: str, value: str = LOT, outcome: str = "missing") -> Body:
    """The token with the header lines of its first part replaced."""
    odd = "\r\n".join(header_lines).encode() + b"\r\n\r\n" + value.encode()
    return multipart(odd, *token_parts()[1:], outcome=outcome)


MULTIPARTS = {
    "plain": multipart(),
    "no final line break": multipart(end=b"--"),
    "line breaks behind the end": multipart(end=b"--\r\n\r\n"),
    "a line break before the first delimiter": typed(
        "multipart/form-data; boundary=XX", b"\r\n" + joined(*token_parts()), "token"
    ),
    "Chrome": multipart(*token_parts(), file_part(), boundary=_WEBKIT),
    "Firefox": multipart(*token_parts(), boundary="-" * 27 + "9051914041544843365972754266"),
    "Firefox of today": multipart(*token_parts(), file_part(), boundary="----geckoformboundary9cb8b6fb"),
    "curl": multipart(*token_parts(), file_part(), boundary="-" * 24 + "d74496d66958873e"),
    "python-requests": multipart(
        *token_parts(), file_part(), boundary="0f9c2cf5c7a84f3f8cbbb2b3a7f3c9a1", end=b"--\r\n"
    ),
    "okhttp": multipart(
        *[part(name, value, f"Content-Length: {len(value)}") for name, value in TOKEN.items()],
        file_part(),
        boundary=_UUID,
    ),
    "Retrofit": multipart(
        *token_parts("Content-Transfer-Encoding: binary", "Content-Type: text/plain; charset=UTF-8"), boundary=_UUID
    ),
    "Apache HttpClient": multipart(
        *token_parts("Content-Type: text/plain; charset=ISO-8859-1", "Content-Transfer-Encoding: 8bit"),
        boundary="BsoZZYyLnRTf0Fxj1nRdLXBGZ-u_wGR",
    ),
    ".NET": Body(
        f'multipart/form-data; boundary="{_UUID}"',
        joined(
            *[_dotnet_part(f"name={name}", value.encode()) for name, value in TOKEN.items()],
            _dotnet_part("name=photo; filename=me.jpg; filename*=utf-8''me%20%C3%A9.jpg", b"\xff"),
            boundary=_UUID,
        ),
        "token",
    ),
    "Dart": multipart(*[each.replace(b"Content-Disposition", b"content-disposition") for each in token_parts()]),
    "Java mail": Body(
        'multipart/form-data; charset=UTF-8; boundary="----=_Part_5_8.23"',
        joined(*token_parts(), boundary="----=_Part_5_8.23"),
        "token",
    ),
    "an empty file input": multipart(file_part("photo", b"", ""), *token_parts()),
    "a file name in Chinese": multipart(*token_parts(), file_part(filename="照片.jpg")),
    "a file name with a path": multipart(*token_parts(), file_part(filename="C:\\\\me\\\\photo.jpg")),
    "a file first": multipart(file_part(), *token_parts()),
    "upper-case type": typed("Multipart/Form-Data; Boundary=XX", outcome="token"),
    "upper-case disposition": multipart(*token_parts(disposition='FORM-DATA; NAME="{}"')),
    "more parameters": multipart(*token_parts(disposition='form-data; x="a;b"; name="{}" ; y=1')),
    "another header": multipart(*token_parts("X-Other: 1")),
    "value with line breaks": multipart(*token_parts(lot_number="a\r\n--X\r\n\nb"), outcome="token"),
    "value that is no UTF-8": multipart(*token_parts(lot_number=b"\xff")),
    "empty value": multipart(*token_parts(lot_number=""), outcome="missing"),
    "one field lacks": multipart(*token_parts()[1:], outcome="missing"),
    "no parts": multipart(part("x", "1"), outcome="missing"),
    "an end and nothing else": typed(MULTIPART, b"--XX--\r\n", "missing"),
    "nothing": typed(MULTIPART, b"", "missing"),
    "a field twice": multipart(*token_parts(), part("lot_number", "other"), outcome="repeated"),
    "a field twice alike": multipart(*token_parts(), *token_parts(), outcome="repeated"),
    "a field twice, once empty": multipart(part("lot_number", ""), *token_parts(), outcome="repeated"),
    "a field twice before a file": multipart(part("gen_time", "1"), *token_parts(), file_part(), outcome="repeated"),
    "a field as a file": _lot_as('Content-Disposition: form-data; name="lot_number"; filename="x"'),
    "a field as a file without name": _lot_as('Content-Disposition: form-data; name="lot_number"; filename=""'),
    "a field as an extended file": _lot_as("Content-Disposition: form-data; name=\"lot_number\"; filename*=utf-8''x"),
    "base64": _lot_as(
        'Content-Disposition: form-data; name="lot_number"', "Content-Transfer-Encoding: base64", value="QUFB"
    ),
    "quoted-printable": _lot_as(
        'Content-Disposition: form-data; name="lot_number"', "Content-Transfer-Encoding: quoted-printable"
    ),
    "two transfer encodings": _lot_as(
        'Content-Disposition: form-data; name="lot_number"',
        "Content-Transfer-Encoding: 8bit",
        "Content-Transfer-Encoding: base64",
    ),
    "backslash in a name": _lot_as('Content-Disposition: form-data; name="lot\\_number"'),
    "percent in a name": _lot_as('Content-Disposition: form-data; name="lot%5Fnumber"'),
    "two names": _lot_as('Content-Disposition: form-data; name="x"; name="lot_number"', outcome="body_malformed"),
    "two names by case": _lot_as('Content-Disposition: form-data; name="x"; NAME=lot_number', outcome="body_malformed"),
    "extended name": _lot_as("Content-Disposition: form-data; name*=utf-8''lot_number", outcome="body_malformed"),
    "both names": _lot_as(
        "Content-Disposition: form-data; name=\"x\"; name*=utf-8''lot_number", outcome="body_malformed"
    ),
    "a Kelvin sign for a k": _lot_as(
        'Content-Disposition: form-data; name="lot_number"; x=\u212a', outcome="body_malformed"
    ),
    "no name": _lot_as("Content-Disposition: form-data", outcome="body_malformed"),
    "no disposition": _lot_as("Content-Type: text/plain", outcome="body_malformed"),
    "no header": multipart(b"\r\n" + LOT.encode(), outcome="body_malformed"),
    "another disposition": _lot_as('Content-Disposition: attachment; name="lot_number"', outcome="body_malformed"),
    "two dispositions": _lot_as(
        'Content-Disposition: form-data; name="x"',
        'Content-Disposition: form-data; name="lot_number"',
        outcome="body_malformed",
    ),
    "two dispositions alike": _lot_as(
        *['Content-Disposition: form-data; name="lot_number"'] * 2, outcome="body_malformed"
    ),
    "folded header": _lot_as('Content-Disposition: form-data;\r\n name="lot_number"', outcome="body_malformed"),
    "folded with a tab": _lot_as('Content-Disposition: form-data;\r\n\tname="lot_number"', outcome="body_malformed"),
    "space before the colon": _lot_as('Content-Disposition : form-data; name="lot_number"', outcome="token"),
    "line feed in a header": _lot_as(
        'X-Note: a\nContent-Disposition: form-data; name="x"',
        'Content-Disposition: form-data; name="lot_number"',
        outcome="body_malformed",
    ),
    "line feed in a quoted parameter": _lot_as(
        'Content-Disposition: form-data; name="lot_number"; x="a\nb"', outcome="body_malformed"
    ),
    "carriage return in a header": _lot_as(
        "X-Note: a\rb", 'Content-Disposition: form-data; name="lot_number"', outcome="body_malformed"
    ),
    "header that is no UTF-8": multipart(
        b'Content-Disposition: form-data; name="x"; filename="\xff"\r\n\r\n', *token_parts(), outcome="body_malformed"
    ),
    "bare line feeds": typed(MULTIPART, joined(*token_parts()).replace(b"\r\n", b"\n")),
    "bare carriage returns": typed(MULTIPART, joined(*token_parts()).replace(b"\r\n", b"\r")),
    "preamble": typed(MULTIPART, b"Hello\r\n" + joined(*token_parts())),
    "long preamble": typed(MULTIPART, b"Hello\r\n" * 500 + joined(*token_parts())),
    "empty lines before": typed(MULTIPART, b"\r\n\r\n" + joined(*token_parts())),
    "a byte before": typed(MULTIPART, b"x" + joined(*token_parts())),
    "epilogue": multipart(end=b"--\r\nHello", outcome="body_malformed"),
    "part in the epilogue": typed(
        "multipart/form-data; boundary=XX", joined(*token_parts()[1:]) + joined(*token_parts()[:1])
    ),
    "junk behind the end": multipart(end=b"--junk\r\n", outcome="body_malformed"),
    "no final delimiter": multipart(end=b"\r\n", outcome="body_malformed"),
    "cut in a value": typed(MULTIPART, joined(*token_parts())[:-40]),
    "cut in a header": typed(MULTIPART, joined(*token_parts())[:30]),
    "cut in the first delimiter": typed(MULTIPART, b"--X"),
    "space behind a delimiter": typed(
        "multipart/form-data; boundary=XX", joined(*token_parts()).replace(b"--XX\r\n", b"--XX \r\n")
    ),
    "junk behind a delimiter": typed(
        "multipart/form-data; boundary=XX", joined(*token_parts()).replace(b"\r\n--XX\r\n", b"\r\n--XXjunk\r\n")
    ),
    "another boundary": typed("multipart/form-data; boundary=YY"),
    "no boundary": typed("multipart/form-data"),
    "empty boundary": typed("multipart/form-data; boundary="),
    "two boundaries": typed("multipart/form-data; boundary=YY; boundary=XX"),
    "two boundaries alike": typed("multipart/form-data; boundary=XX; boundary=XX"),
    "extended boundary": typed("multipart/form-data; boundary*=utf-8''XX"),
    "boundary in pieces": typed("multipart/form-data; boundary*0=X; boundary*1=X"),
    "boundary and extended boundary": typed("multipart/form-data; boundary=YY; boundary*=utf-8''XX"),
    "quoted boundary": typed('multipart/form-data; boundary="XX"', outcome="token"),
    "boundary with an escape": typed('multipart/form-data; boundary="X\\X"'),
    "boundary that quotes another": typed('multipart/form-data; boundary="YY; boundary=XX"'),
    "boundary of 70 characters": multipart(boundary="b" * 70),
    "boundary of 71 characters": multipart(boundary="b" * 71, outcome="body_malformed"),
    "boundary behind a charset": typed("multipart/form-data;charset=utf-8;boundary=XX", outcome="token"),
    "wrong Content-Length of a part": multipart(*token_parts("Content-Length: 3"), outcome="body_malformed"),
    "1000 parts": multipart(*[part("a", "1")] * 996, *token_parts()),
    "1001 parts": multipart(*[part("a", "1")] * 997, *token_parts(), outcome="body_too_large"),
    "17 headers": multipart(*token_parts(*["X: 1"] * 16), outcome="body_too_large"),
    "a header of 9000 bytes": multipart(*token_parts("X: " + "1" * 9000), outcome="body_too_large"),
    "a header without end": typed(MULTIPART, b"--XX\r\nX: " + b"1" * 20000, "body_too_large"),
    "junk": typed(MULTIPART, bytes(range(256))),
    "a form under multipart's type": typed(MULTIPART, FORM_BODY),
}

OTHERS = {
    "no type": Body("", JSON_BODY, "missing"),
    "text/plain": Body("text/plain", JSON_BODY, "missing"),
    "text/json": Body("text/json", JSON_BODY, "missing"),
    "application/jsonx": Body("application/jsonx", JSON_BODY, "missing"),
    "JSON in a list of types": Body("application/json, text/plain", JSON_BODY, "missing"),
    "JSON behind a tab": Body("application/json\ta", JSON_BODY, "missing"),
    "a semicolon only": Body(";", JSON_BODY, "missing"),
    "multipart/mixed": Body("multipart/mixed; boundary=XX", joined(*token_parts()), "missing"),
    "multipart/related": Body("multipart/related; boundary=XX", joined(*token_parts()), "missing"),
    "octets": Body("application/octet-stream", FORM_BODY, "missing"),
    "XML": Body("application/xml", b"<lot_number/>", "missing"),
}

CORPUS: dict[str, Body] = {
    f"{kind}: {name}": body
    for kind, bodies in {"form": FORMS, "json": JSONS, "multipart": MULTIPARTS, "other": OTHERS}.items()
    for name, body in bodies.items()
}
