"""The policy's keys as declared models: what may be written, of what type. How keys relate: `compile`."""

from __future__ import annotations

import difflib
import re
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, InstanceOf, WithJsonSchema

from captcha_gate.outcome import Mode
from captcha_gate.patterns import PathPattern
from captcha_gate.rules import Action, OnFail, OnUnavailable
from captcha_gate.scalars import CidrText, Duration, Flag, Name, Score, Size, Text, UrlPath, problem, rate
from captcha_gate.tokens.fields import Source

__all__ = ["NOT_YET", "VERIFY_KEYS", "DefaultsModel", "MatchModel", "PolicyModel", "RuleModel"]

#: Keys of the policy format whose features this version does not have: an error of their own, never ignored.
NOT_YET: Final = frozenset(
    {
        "allow_test_keys",
        "breaker",
        "challenge",
        "clearance",
        "cors",
        "forgive",
        "limits",
        "pages",
        "script",
        "secret_key",
        "site_key",
    }
)

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


def _several(value: Any) -> Any:
    """The same where no value at all is meant too."""
    return value if isinstance(value, list) else [value]


def _methods(value: Any) -> Any:
    names = _listed(value)
    if len(names) > 1 and any(isinstance(name, str) and name.lower() in ("any", "unsafe") for name in names):
        raise problem("any and unsafe stand alone (write one of them, or the methods' names)")
    return names


def _named_values(value: Any) -> Any:
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
        return re.compile(value)
    except (re.error, RecursionError) as error:
        where = f" at character {error.pos + 1}" if isinstance(error, re.error) and error.pos is not None else ""
        raise problem(f"not a regular expression{where} (for '*', '**' and '{{id}}', write path instead)") from None


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


def _on_unavailable(value: Any) -> OnUnavailable:
    if value in ("reject", "allow"):
        return OnUnavailable(allow=value == "allow")
    if isinstance(value, dict) and set(value) == {"allow"}:
        return OnUnavailable(allow=True, rate=rate(value["allow"]))
    raise problem("expected reject, allow or {allow: 60/m}")


_STRING: Final = {"type": "string", "minLength": 1}


def _some(item: dict[str, Any]) -> WithJsonSchema:
    return WithJsonSchema({"anyOf": [item, {"type": "array", "items": item, "minItems": 1}]})


_Some = BeforeValidator(_listed)
_Paths = Annotated[
    list[Annotated[InstanceOf[PathPattern], BeforeValidator(_path_pattern)]],
    _Some,
    _some({"type": "string", "pattern": "^(/|\\$)"}),
]
_Regexes = Annotated[list[Annotated[re.Pattern[str], BeforeValidator(_regex)]], _Some, _some(_STRING)]
_Methods = Annotated[
    list[Annotated[str, BeforeValidator(_method)]],
    BeforeValidator(_methods),
    _some(_STRING),
]
_Hosts = Annotated[
    list[Annotated[str, _matching(_HOST, "a host name without scheme and port (write example.com or *.example.com)")]],
    _Some,
    _some(_STRING),
]
_Texts = Annotated[list[Text], _Some, _some(_STRING)]
_MediaTypes = Annotated[
    list[Annotated[str, _matching(_MEDIA_TYPE, "a media type such as application/json")]], _Some, _some(_STRING)
]
_Wanted = Annotated[list[Annotated[str, BeforeValidator(_wanted_value)]], _Some, _some(_STRING)]
_HeaderName = Annotated[str, _matching(_HEADER, "the name of a header")]
_Names = Annotated[list[Name], _Some, _some(_STRING)]
_Sources = Annotated[list[Source], _Some, _some({"enum": [source.value for source in Source]})]


def _negated(value: Any) -> Any:
    if value == {}:
        raise problem("an empty not would exclude every request (name what is excluded, or remove the key)")
    return value


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True, arbitrary_types_allowed=True)


class MatchModel(_Model):
    """What a rule matches. Different keys must all hold; the values of one key are alternatives."""

    path: _Paths | None = None
    path_regex: _Regexes | None = None
    methods: _Methods | None = None
    host: _Hosts | None = None
    client_ip: _Texts | None = None
    header: Annotated[dict[_HeaderName, _Wanted] | None, BeforeValidator(_named_values)] = None
    cookie: Annotated[dict[Text, _Wanted] | None, BeforeValidator(_named_values)] = None
    query: Annotated[dict[Text, _Wanted] | None, BeforeValidator(_named_values)] = None
    content_type: _MediaTypes | None = None
    not_: Annotated[MatchModel | None, BeforeValidator(_negated), Field(alias="not")] = None


def _match(value: Any) -> Any:
    if isinstance(value, str):
        return {"path": value}
    if isinstance(value, dict) and not value:
        raise problem("an empty match would match every request (write path: /** if that is meant)")
    if isinstance(value, list):
        raise problem("expected a path or a mapping (for several paths, write {path: [/one, /two]})")
    return value


class TokenModel(_Model):
    """Where token fields are looked for."""

    sources: Annotated[_Sources, Field(alias="from")] = [Source.HEADER, Source.JSON, Source.FORM]
    fields: dict[Text, Text] = {}
    max_body: Size = 1024 * 1024
    body_timeout: Duration = 30.0


class ScoreModel(_Model):
    """What a rule asks of the score: 0 is a bot, 1 is a human."""

    min: Score
    missing: OnFail = OnFail.REJECT
    below: OnFail = OnFail.REJECT


class BindModel(_Model):
    """What a token must have been made for."""

    action: Text | None = None
    hostnames: _Hosts | None = None
    cdata: Text | None = None


#: Made once, for pydantic would copy a default for each of ten thousand rules; both are frozen.
_TOKEN: Final = TokenModel()
_BIND: Final = BindModel()


class DefaultsModel(_Model):
    """Rule keys for the rules that do not have them themselves."""

    providers: _Names | None = None
    token: TokenModel = Field(default_factory=lambda: _TOKEN)
    score: ScoreModel | None = None
    bind: BindModel = Field(default_factory=lambda: _BIND)
    max_age: Duration | None = None
    on_fail: OnFail = OnFail.REJECT
    on_unavailable: Annotated[
        InstanceOf[OnUnavailable],
        BeforeValidator(_on_unavailable),
        WithJsonSchema(
            {
                "anyOf": [
                    {"enum": ["reject", "allow"]},
                    {
                        "type": "object",
                        "properties": {"allow": {"type": "string", "pattern": "^([1-9][0-9]*/[smhd]|.*\\$\\{.*)$"}},
                        "required": ["allow"],
                        "additionalProperties": False,
                    },
                ]
            }
        ),
    ] = OnUnavailable()
    fallthrough: Flag = False


#: The keys that only a rule that verifies can have.
VERIFY_KEYS: Final = frozenset(DefaultsModel.model_fields)


class RuleModel(DefaultsModel):
    """One rule."""

    name: Name
    match: Annotated[MatchModel, BeforeValidator(_match)]
    action: Action = Action.VERIFY
    mode: Mode | None = None


class ClientIpModel(_Model):
    """Whose word on the client's address is taken."""

    trusted_proxies: Annotated[
        list[Text],
        BeforeValidator(_several),
        WithJsonSchema({"anyOf": [_STRING, {"type": "array", "items": _STRING}]}),
    ] = []
    header: _HeaderName = "x-forwarded-for"


class EndpointsModel(_Model):
    """Where the gate's own URLs stand."""

    prefix: UrlPath = "/captcha-gate"


def _version(value: Any) -> int:
    if value in (1, "1") and not isinstance(value, bool):
        return 1
    raise problem("expected 1, the only version there is")


def _store(value: Any) -> str:
    if value == "memory://":
        return str(value)
    raise problem("expected memory://, the only store of this version")


class PolicyModel(_Model):
    """The top of a policy. Rules and providers are checked one by one, each by a model of its own."""

    version: Annotated[int, BeforeValidator(_version), WithJsonSchema({"const": 1})]
    mode: Mode = Mode.ENFORCE
    default_action: Literal["allow", "deny"] = "allow"
    store: Annotated[str, BeforeValidator(_store), WithJsonSchema({"const": "memory://"})] = "memory://"
    client_ip: ClientIpModel = ClientIpModel()
    networks: dict[Name, Annotated[list[CidrText], _Some, _some(_STRING)]] = {}
    providers: Annotated[dict[Name, Any], Field(strict=True)] = {}
    defaults: DefaultsModel = DefaultsModel()
    rules: Annotated[list[Any], Field(strict=True)]
    endpoints: EndpointsModel = EndpointsModel()
