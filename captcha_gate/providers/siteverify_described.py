"""`type: siteverify`: any service of the family, described in the policy itself. The flow is the family's.

For what speaks the protocol that Google began: one token from the page, a POST with it and a secret, a JSON reply whose
`success` is exactly `true`.
"""

from __future__ import annotations

import math
import re
from functools import cached_property
from typing import Annotated, Any, ClassVar, Final, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, WithJsonSchema, model_validator

from captcha_gate.outcome import Reason
from captcha_gate.providers.base import Reports
from captcha_gate.providers.siteverify import Asked, Encoding, SiteverifyProvider, Vendor
from captcha_gate.providers.siteverify_reply import INVALID, OURS, Scale, Told
from captcha_gate.scalars import Duration, Name, Secret, Text, problem
from captcha_gate.tokens.fields import ClientField

__all__ = ["Siteverify"]

_FIELD: Final = ClientField("captcha-response", max_length=16384)
_PATH: Final = r"/[A-Za-z0-9_.~\-/]{0,200}"


def _number(value: Any) -> float:
    try:
        number = float(value) if isinstance(value, (str, int, float)) and not isinstance(value, bool) else math.nan
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise problem("expected a number (write 0, 1 or 0.5)")
    return number


def _path(value: Any) -> str:
    if not isinstance(value, str) or not re.fullmatch(_PATH, value):
        raise problem("expected a path (write /siteverify)")
    return value


def _codes(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


#: A slash at its end counts: some services have one there.
_Path = Annotated[str, BeforeValidator(_path), WithJsonSchema({"type": "string", "pattern": "^(/|.*\\$\\{)"})]
_Number = Annotated[float, BeforeValidator(_number), WithJsonSchema({"type": "number"})]
_Codes = Annotated[list[Text], BeforeValidator(_codes)]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class ParametersModel(_Model):
    """How the service names what it is asked with. What it is not told has no name here."""

    response: Text = "response"
    secret: Text = "secret"
    site_key: Text | None = None
    client_ip: Text | None = None

    @model_validator(mode="after")
    def _names_each_once(self) -> ParametersModel:
        names = [name for _, name in self if name is not None]
        if len(set(names)) < len(names):
            raise problem("two parameters have one name, so that only one would be told (give each its own)")
        return self


class ScaleModel(_Model):
    """Where the score stands, and what its ends mean."""

    at: Text = "score"
    bot: _Number = 0.0
    human: _Number = 1.0

    @model_validator(mode="after")
    def _has_two_ends(self) -> ScaleModel:
        if self.bot == self.human:
            raise problem("bot and human are the same number (write {bot: 0, human: 1}, or the reverse)")
        return self


class ReplyModel(_Model):
    """Where things stand in a reply: names, with dots between where one stands inside another."""

    success: Text = "success"
    errors: Text = "error-codes"
    score: ScaleModel | None = None
    action: Text | None = None
    hostname: Text | None = None
    cdata: Text | None = None
    time: Text | None = None


class CodesModel(_Model):
    """What error codes mean. All others blame the token, but us where they come with HTTP 401 or 403."""

    misconfigured: _Codes = ["missing-input-secret", "invalid-input-secret"]
    invalid: _Codes = ["missing-input-response", "invalid-input-response", "bad-request"]
    unavailable: _Codes = []
    expired: _Codes = ["timeout-or-duplicate"]
    replayed: _Codes = []

    @model_validator(mode="after")
    def _sorts_each_once(self) -> CodesModel:
        written = [code for name in self.model_fields_set for code in set(getattr(self, name))]
        if len(set(written)) < len(written):
            raise problem("a code stands in two lists (keep the one that is meant)")
        return self

    def reasons(self) -> dict[str, Reason]:
        """What each code means. What the policy writes goes before what stands here."""
        meanings = {
            "misconfigured": OURS,
            "invalid": INVALID,
            "unavailable": Reason.PROVIDER_ERROR,
            "expired": Reason.EXPIRED,
            "replayed": Reason.REPLAYED,
        }
        first_ours = sorted(meanings, key=lambda name: name in self.model_fields_set)
        return {code: meanings[name] for name in first_ours for code in getattr(self, name)}


class Siteverify(SiteverifyProvider):
    """A service that this package has no type for. Its field is `captcha-response`, until `fields` renames it.

    Attributes:
        path: below `base_url`.
        encoding: of what it is asked: `form` or `json`.
        secret_header: the header that carries the secret, where no parameter does.
        lifetime: seconds for which the service accepts a token.
        parameters: how it names what it is asked with.
        reply: where things stand in its replies; what is not named there, no rule can demand.
        codes: what its error codes mean.
    """

    type: Literal["siteverify"]
    secret: Secret
    path: _Path = "/siteverify"
    encoding: Literal["form", "json"] = "form"
    secret_header: Name | None = None
    lifetime: Duration = 600.0
    parameters: ParametersModel = ParametersModel()
    reply: ReplyModel = ReplyModel()
    codes: CodesModel = CodesModel()

    client_fields: ClassVar = (_FIELD,)
    #: At most: `reply` says which.
    reports: ClassVar = frozenset(Reports)

    def account(self) -> str:
        """Whom it asks, and about which site. Two sites of one service differ by `site_key`, told or not."""
        return f"{self.base_url}{self.path} {self.key_of_page or ''}"

    def reported(self) -> frozenset[Reports]:
        return self.vendor.told.reports

    @cached_property
    def vendor(self) -> Vendor:
        """The row that the keys describe."""
        named, reply = self.parameters, self.reply
        return Vendor(
            type=self.type,
            says="",
            field=_FIELD,
            lifetime=self.lifetime,
            asked=Asked(
                path=self.path,
                encoding=Encoding(self.encoding),
                response=named.response,
                secret=named.secret,
                header=self.secret_header,
                site_key=named.site_key,
                client_ip=named.client_ip,
            ),
            told=Told(
                passes={reply.success: True},
                errors=(reply.errors,),
                reasons=self.codes.reasons(),
                score=Scale(reply.score.at, reply.score.bot, reply.score.human) if reply.score else None,
                action=reply.action,
                hostname=reply.hostname,
                cdata=reply.cdata,
                time=reply.time,
            ),
        )
