"""The values that a policy holds in lists: paths, methods, hosts and their kin. One value stands for a list of one."""

from __future__ import annotations

import difflib
import re
from typing import Annotated, Any, Final

from pydantic import BeforeValidator, InstanceOf, WithJsonSchema

from captcha_gate.patterns import PathPattern
from captcha_gate.policy.regexes import hazard_of
from captcha_gate.rules import OnUnavailable
from captcha_gate.scalars import Name, Origin, Refusal, SigningKey, Text, problem, rate
from captcha_gate.tokens.fields import Source

__all__ = [
    "STRING",
    "HeaderName",
    "Hosts",
    "Listed",
    "MediaTypes",
    "Methods",
    "Names",
    "Origins",
    "Paths",
    "Regexes",
    "SigningKeys",
    "Sources",
    "Statuses",
    "Texts",
    "WantedValues",
    "named_values",
    "one_or_many",
    "several",
    "when_unavailable",
]

#: RFC 9110, PATCH, WebDAV and what servers and caches are known to take; WEBSOCKET and the two words are ours.
_KNOWN_METHODS: Final = (
    *("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "QUERY", "PURGE", "SEARCH"),
    *("PROPFIND", "PROPPATCH", "MKCOL", "COPY", "MOVE", "LOCK", "UNLOCK", "REPORT", "MERGE", "CHECKIN", "CHECKOUT"),
    *("LINK", "UNLINK", "BIND", "UNBIND", "REBIND", "ACL", "NOTIFY", "SUBSCRIBE", "UNSUBSCRIBE", "WEBSOCKET"),
    *("ANY", "UNSAFE"),
)
_METHOD: Final = re.compile(r"[A-Za-z!#$%&'*+.^_`|~0-9\-]+")
_HOST: Final = re.compile(r"(?:\*\.)?[a-z0-9](?:[a-z0-9.\-]*[a-z0-9])?|\[[0-9a-f:.]+\]")
_MEDIA_TYPE: Final = re.compile(r"[a-z0-9!#$&^_.+\-]+/(?:[a-z0-9!#$&^_.+\-]+|\*)")
_HEADER: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~\-]+")


def _listed(value: Any) -> Any:
    """One value stands for a list of one."""
    if isinstance(value, (list, tuple)):
        if not value:
            raise problem("the list is empty (write at least one value, or remove the key)")
        return list(value)
    return [value]


def several(value: Any) -> Any:
    """The same where no value at all is meant too."""
    return value if isinstance(value, list) else [value]


def _methods(value: Any) -> Any:
    names = _listed(value)
    if len(names) > 1 and any(isinstance(name, str) and name.lower() in ("any", "unsafe") for name in names):
        raise problem("any and unsafe stand alone (write one of them, or the methods' names)")
    return names


def named_values(value: Any) -> Any:
    """A mapping of names to values, that has some."""
    if value == {}:
        raise problem("names nothing and would match every request (write {name: value}, or remove the key)")
    return value


def _path_pattern(value: Any) -> PathPattern:
    if not isinstance(value, str):
        raise problem("expected a path (write /login or /posts/{id}/comments)")
    try:
        return PathPattern.parse(value)
    except ValueError as error:
        raise problem(str(error)) from None


def _regex(value: Any) -> re.Pattern[str]:
    if not isinstance(value, str) or not value:
        raise problem("expected a regular expression for the whole path")
    if value.endswith("\n"):
        raise problem("the regular expression ends with a newline (write >- instead of > or |)")
    try:
        compiled = re.compile(value)
    except (re.error, RecursionError) as error:
        where = f" at character {error.pos + 1}" if isinstance(error, re.error) and error.pos is not None else ""
        raise problem(f"not a regular expression{where} (for '*', '**' and '{{id}}', write path instead)") from None
    hazard = hazard_of(value)
    if hazard is not None:
        raise problem(f"{hazard} (write path: with '*' and '**' instead, or one repetition only)")
    return compiled


def _method(value: Any) -> str:
    if not isinstance(value, str) or not _METHOD.fullmatch(value):
        raise problem("expected a method, any or unsafe")
    close = difflib.get_close_matches(value.upper(), _KNOWN_METHODS, n=1, cutoff=0.7)
    if close and value.upper() not in _KNOWN_METHODS:
        # A misspelt method would leave its rule without a word.
        raise problem(f"no method has this name (did you mean {close[0]}?)")
    return value


def _matching(expression: re.Pattern[str], expected: str, *, fold: bool = True) -> BeforeValidator:
    def check(value: Any) -> str:
        text = value.lower() if fold and isinstance(value, str) else value
        if not isinstance(text, str) or not expression.fullmatch(text):
            raise problem(f"expected {expected}")
        return text

    return BeforeValidator(check)


def _wanted_value(value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        raise problem('the value is empty: it would match whatever a client leaves out (write "*" for: is present)')
    return value


def when_unavailable(value: Any) -> OnUnavailable:
    """What becomes of a request whose provider cannot answer."""
    if value in ("reject", "allow"):
        return OnUnavailable(allow=value == "allow")
    if isinstance(value, dict) and set(value) == {"allow"}:
        return OnUnavailable(allow=True, rate=rate(value["allow"]))
    raise problem("expected reject, allow or {allow: 60/m}")


STRING: Final = {"type": "string", "minLength": 1}


def one_or_many(item: dict[str, Any]) -> WithJsonSchema:
    """The JSON Schema of a value, or of a list of some."""
    return WithJsonSchema({"anyOf": [item, {"type": "array", "items": item, "minItems": 1}]})


Listed = BeforeValidator(_listed)
Paths = Annotated[
    list[Annotated[InstanceOf[PathPattern], BeforeValidator(_path_pattern)]],
    Listed,
    one_or_many({"type": "string", "pattern": "^(/|\\$)"}),
]
Regexes = Annotated[list[Annotated[re.Pattern[str], BeforeValidator(_regex)]], Listed, one_or_many(STRING)]
Methods = Annotated[
    list[Annotated[str, BeforeValidator(_method)]],
    BeforeValidator(_methods),
    one_or_many(STRING),
]
Hosts = Annotated[
    list[Annotated[str, _matching(_HOST, "a host name without scheme and port (write example.com or *.example.com)")]],
    Listed,
    one_or_many(STRING),
]
Texts = Annotated[list[Text], Listed, one_or_many(STRING)]
MediaTypes = Annotated[
    list[Annotated[str, _matching(_MEDIA_TYPE, "a media type such as application/json")]], Listed, one_or_many(STRING)
]
WantedValues = Annotated[list[Annotated[str, BeforeValidator(_wanted_value)]], Listed, one_or_many(STRING)]
HeaderName = Annotated[str, _matching(_HEADER, "the name of a header")]
Names = Annotated[list[Name], Listed, one_or_many(STRING)]
Sources = Annotated[list[Source], Listed, one_or_many({"enum": [source.value for source in Source]})]
Origins = Annotated[list[Origin], Listed, one_or_many(STRING)]
Statuses = Annotated[list[Refusal], Listed, one_or_many({"type": "integer", "minimum": 400, "maximum": 499})]
SigningKeys = Annotated[list[SigningKey], Listed, one_or_many(STRING)]
