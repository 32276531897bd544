"""The policy's keys as declared models: what may be written, of what type. How keys relate: `compile`."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, InstanceOf, WithJsonSchema

from captcha_gate.outcome import Mode
from captcha_gate.policy.lists import (
    STRING,
    HeaderName,
    Hosts,
    Listed,
    MediaTypes,
    Methods,
    Names,
    Origins,
    Paths,
    Regexes,
    SigningKeys,
    Sources,
    Statuses,
    Texts,
    WantedValues,
    named_values,
    one_or_many,
    several,
    when_unavailable,
)
from captcha_gate.rules import Action, OnFail, OnUnavailable
from captcha_gate.scalars import (
    CidrText,
    Contact,
    Count,
    Duration,
    Flag,
    Name,
    Rate,
    Score,
    Size,
    Text,
    UrlPath,
    problem,
    rate,
)
from captcha_gate.stores.base import check_store_url
from captcha_gate.tokens.fields import Source

__all__ = ["VERIFY_KEYS", "DefaultsModel", "MatchModel", "PolicyModel", "RuleModel"]


def _negated(value: Any) -> Any:
    if value == {}:
        raise problem("an empty not would exclude every request (name what is excluded, or remove the key)")
    return value


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True, arbitrary_types_allowed=True)


class MatchModel(_Model):
    """What a rule matches. Different keys must all hold; the values of one key are alternatives."""

    path: Paths | None = None
    path_regex: Regexes | None = None
    methods: Methods | None = None
    host: Hosts | None = None
    client_ip: Texts | None = None
    header: Annotated[dict[HeaderName, WantedValues] | None, BeforeValidator(named_values)] = None
    cookie: Annotated[dict[Text, WantedValues] | None, BeforeValidator(named_values)] = None
    query: Annotated[dict[Text, WantedValues] | None, BeforeValidator(named_values)] = None
    content_type: MediaTypes | None = None
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

    sources: Annotated[Sources, Field(alias="from")] = [Source.HEADER, Source.JSON, Source.FORM]
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
    hostnames: Hosts | None = None
    cdata: Text | None = None


class LimitsModel(_Model):
    """What one client may do how often."""

    failed: Annotated[
        InstanceOf[Rate],
        BeforeValidator(rate),
        WithJsonSchema({"type": "string", "pattern": "^([1-9][0-9]*/[smhd]|.*\\$\\{.*)$"}),
    ]


class ClearanceModel(_Model):
    """For how long a pass stands for further requests of the same browser."""

    ttl: Duration
    uses: Count | None = None
    realm: Name | None = None
    bind_network: Flag = False


class ForgiveModel(_Model):
    """Which answers of the application to a request that passed spare its client the next CAPTCHA."""

    status: Statuses
    ttl: Duration = 120.0


#: Made once, for pydantic would copy a default for each of ten thousand rules; both are frozen.
_TOKEN: Final = TokenModel()
_BIND: Final = BindModel()


class DefaultsModel(_Model):
    """Rule keys for the rules that do not have them themselves."""

    providers: Names | None = None
    token: TokenModel = Field(default_factory=lambda: _TOKEN)
    score: ScoreModel | None = None
    bind: BindModel = Field(default_factory=lambda: _BIND)
    max_age: Duration | None = None
    on_fail: OnFail = OnFail.REJECT
    on_unavailable: Annotated[
        InstanceOf[OnUnavailable],
        BeforeValidator(when_unavailable),
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
    limits: LimitsModel | None = None
    fallthrough: Flag = False
    clearance: ClearanceModel | None = None
    forgive: ForgiveModel | None = None
    challenge: Literal["page"] | None = None


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
        BeforeValidator(several),
        WithJsonSchema({"anyOf": [STRING, {"type": "array", "items": STRING}]}),
    ] = []
    header: HeaderName = "x-forwarded-for"


class EndpointsModel(_Model):
    """Where the gate's own URLs stand."""

    prefix: UrlPath = "/captcha-gate"


class PagesModel(_Model):
    """What the operator adds to the gate's pages."""

    contact: Contact | None = None
    directory: Text | None = None


class CorsModel(_Model):
    """Whose scripts may read the gate's own replies."""

    origins: Origins


def _version(value: Any) -> int:
    if value in (1, "1") and not isinstance(value, bool):
        return 1
    raise problem("expected 1, the only version there is")


def _store(value: Any) -> str:
    wrong = check_store_url(value) if isinstance(value, str) else "expected the URL of a store (write memory://)"
    if wrong is not None:
        raise problem(wrong)
    return str(value)


class PolicyModel(_Model):
    """The top of a policy. Rules and providers are checked one by one, each by a model of its own."""

    version: Annotated[int, BeforeValidator(_version), WithJsonSchema({"const": 1})]
    mode: Mode = Mode.ENFORCE
    default_action: Literal["allow", "deny"] = "allow"
    allow_test_keys: Flag = False
    store: Annotated[str, BeforeValidator(_store), WithJsonSchema({"type": "string", "format": "uri"})] = "memory://"
    client_ip: ClientIpModel = ClientIpModel()
    networks: dict[Name, Annotated[list[CidrText], Listed, one_or_many(STRING)]] = {}
    providers: Annotated[dict[Name, Any], Field(strict=True)] = {}
    defaults: DefaultsModel = DefaultsModel()
    rules: Annotated[list[Any], Field(strict=True)]
    endpoints: EndpointsModel = EndpointsModel()
    secret_key: SigningKeys = []
    pages: PagesModel = PagesModel()
    cors: CorsModel | None = None
