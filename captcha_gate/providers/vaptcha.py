"""VAPTCHA v3: two fields from the page, one of which says what server to ask. Does no I/O.

Rules from VAPTCHA's deployment document of version 3 (front end: renderTokenInput, getServerToken; back end: confirm
validation) and, where it is silent, from the vendor's demo servers: the encodings, the words of a refusal. Offline
tokens are refused: the demos let a token choose that way by its own first letters. `vaptcha-v4` is the successor.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from types import MappingProxyType
from typing import Annotated, Any, ClassVar, Final, Literal

import httpx
from pydantic import BeforeValidator, WithJsonSchema

from captcha_gate.decision import Verdict
from captcha_gate.errors import BadReply, FetchError
from captcha_gate.outcome import Reason
from captcha_gate.providers.asking import address, form
from captcha_gate.providers.base import Provider, Reports, VerifyFlow
from captcha_gate.providers.context import Claimed, Context
from captcha_gate.providers.reading import judged, text_of
from captcha_gate.providers.vaptcha_servers import AllowedServers, Server, server_patterns
from captcha_gate.scalars import AccountId, BaseUrl, Scene, ScriptUrl, Secret
from captcha_gate.tokens.fields import ClientField

__all__ = ["Vaptcha"]

#: A token is good for three minutes, once (getServerToken); remembered for longer than twice that.
_CLAIM_TTL: Final = 400.0
#: The parameter is required; where we know no address (a Unix socket without a trusted proxy), this is none's.
_UNKNOWN: Final = "0.0.0.0"  # noqa: S104 - nothing is bound to it
#: What `msg` says of a refusal. Every other text, `scene error` among them, is a plain refusal: a page that was changed
#: to another scene gets it, too.
_OURS: Final = frozenset({"id empty", "id error"})
_REASONS: Final[Mapping[str, Reason]] = MappingProxyType({"token expired": Reason.EXPIRED})
#: "Frequency overrun", and the code of an exhausted account.
_THROTTLED: Final = "frequency overrun"
_EXHAUSTED: Final = "0209"
_MAX_DEDUCTIONS: Final = 50

Servers = Annotated[
    tuple[str, ...],
    BeforeValidator(server_patterns),
    WithJsonSchema(
        {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}, "minItems": 1}]},
    ),
]


class Vaptcha(Provider):
    """A VAPTCHA v3 unit.

    Attributes:
        scene: must be the one that the page names.
        allowed_servers: what servers a page may name: host names and `*.` with a domain. Under a wildcard a server that
            does not answer proves nothing, for the client chose it: that is a bad token, and no outage.
        encoding: how the request is sent; the vendor's demos do both.
        base_url: where the list of a user's devices is asked for; see `captcha_gate.vaptcha`.
    """

    type: Literal["vaptcha"]
    vid: AccountId
    key: Secret
    scene: Scene = 0
    allowed_servers: Servers = ("*.vaptcha.com", "*.vaptcha.net")
    encoding: Literal["json", "form"] = "json"
    base_url: BaseUrl = "https://user.vaptcha.com"
    script: ScriptUrl | None = "https://v-cn.vaptcha.com/v3.js"

    client_fields: ClassVar = (
        ClientField("vaptcha_server", max_length=255, any_case=True),
        ClientField("vaptcha_token", max_length=4096, any_case=True),
    )
    other_names: ClassVar = (MappingProxyType({"vaptcha_server": "server", "vaptcha_token": "token"}),)
    reports: ClassVar = frozenset({Reports.SCORE})
    csp: ClassVar = ("https://*.vaptcha.com", "https://*.vaptcha.net")
    unsafe_styles: ClassVar = True

    @property
    def page_options(self) -> Mapping[str, Any]:
        return {"scene": self.scene}

    def account(self) -> str:
        return self.vid

    @property
    def site_key(self) -> str:
        return self.vid

    @cached_property
    def servers(self) -> AllowedServers:
        """What servers may be asked."""
        return AllowedServers(self.allowed_servers)

    @property
    def unprovable(self) -> str | None:
        if self.servers.has_wildcard:
            return "a server that a client names proves no outage (list allowed_servers without a wildcard)"
        return None

    def oddities(self) -> Iterator[tuple[str, str]]:
        if any(server.origin.startswith("http://") for server in self.servers.listed):
            yield "allowed_servers", "trusts whatever listens on loopback (for tests only)"

    def accepts(self, fields: Mapping[str, str]) -> bool:
        offline = fields["vaptcha_token"].lower().startswith("offline")
        return super().accepts(fields) and not offline and self.servers.named_by(fields["vaptcha_server"]) is not None

    def claimed(self, fields: Mapping[str, str], context: Context) -> Claimed:
        return Claimed(fields["vaptcha_token"], _CLAIM_TTL)

    def probe_fields(self, context: Context) -> Mapping[str, str]:
        origin = self.servers.listed[0].origin if self.servers.listed else "https://0.vaptcha.com"
        return {"vaptcha_server": f"{origin}/verify", "vaptcha_token": context.token_hex(32)}

    def probes(self, verdict: Verdict, context: Context) -> Sequence[VerifyFlow]:
        """Every server that the operator named is asked: one that answers is enough to refuse."""
        return tuple(
            self.verify({**self.probe_fields(context), "vaptcha_server": f"{server.origin}/verify"}, context)
            for server in self.servers.listed
        )

    def verify(self, fields: Mapping[str, str], context: Context) -> VerifyFlow:
        server = self.servers.named_by(fields["vaptcha_server"])
        if server is None:
            return Verdict.failed(Reason.MALFORMED_TOKEN, "refused before any call")
        try:
            response = yield self._request(server, fields["vaptcha_token"], context)
            if not server.listed and response.status_code not in (200, 429):
                return _no_server()
            return judged(response, _verdict)
        except FetchError as error:
            if server.listed or _is_ours(error):
                raise
        except BadReply:
            if server.listed:
                raise
        return _no_server()

    def _request(self, server: Server, token: str, context: Context) -> httpx.Request:
        parameters = {
            "id": self.vid,
            "secretkey": self.key.get_secret_value(),
            "scene": self.scene,
            "token": token,
            "ip": str(context.client_ip or _UNKNOWN),
        }
        url = address(f"{server.origin}/verify")
        if self.encoding == "json":
            return httpx.Request("POST", url, json=parameters)
        return form(url, {name: str(value) for name, value in parameters.items()})


def _no_server() -> Verdict:
    return Verdict.failed(provider_reason="the server that the client named does not answer as one of VAPTCHA's")


def _is_ours(error: FetchError) -> bool:
    """Whether it was we who were too busy. Every other failure is that of a server which the client chose."""
    return error.reason is Reason.OVERLOADED or (error.reason is Reason.TIMEOUT and not error.proves_outage)


def _verdict(reply: Mapping[str, Any]) -> Verdict:
    success, told = reply.get("success"), text_of(reply.get("msg"))
    # `True == 1` in Python: the type counts.
    if type(success) is not int or success not in (0, 1):
        raise BadReply("success is neither 0 nor 1")
    if success == 1:
        raw = _score(reply.get("score"))
        score = None if raw is None else raw / 100
        detail = {"deductions": _deductions(told)}
        return Verdict.passed(provider_reason=told, score=score, raw_score=raw, detail=detail)
    if told == _THROTTLED:
        return Verdict.unavailable(Reason.THROTTLED, told)
    if told == _EXHAUSTED:
        return Verdict.misconfigured(told, Reason.QUOTA)
    if told in _OURS:
        return Verdict.misconfigured(told)
    return Verdict.failed(_REASONS.get(told, Reason.INVALID_TOKEN), told)


def _deductions(told: str) -> list[str]:
    """What was deducted for: numbers. A token that is repeated in pieces would get past the echo filter."""
    items = (item.strip() for item in told.split(","))
    return [item for item in items if re.fullmatch("[0-9]{1,4}", item)][:_MAX_DEDUCTIONS]


def _score(value: object) -> float | None:
    """0 to 100, where 100 is human. Whatever else stands there is no score, and a rule that demands one refuses it."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= 100:
        return None
    return float(value)
