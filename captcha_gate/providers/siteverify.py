"""The siteverify family: one flow for all vendors whose page submits one token. Vendors are rows; does no I/O.

A row (`Vendor`) says how a vendor is asked and what its replies say. `listed` makes the provider class of a row, so
that its keys are declared, reported and in the schema as those of any other provider.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, ClassVar, Final, Literal
from urllib.parse import quote
from uuid import UUID

import httpx
from pydantic import Field, create_model

from captcha_gate.decision import Verdict
from captcha_gate.errors import BadReply, FetchError
from captcha_gate.outcome import Reason
from captcha_gate.providers.base import ProviderFlow, RemoteProvider, VerifyFlow, address, form, json_object
from captcha_gate.providers.context import Claimed, Context
from captcha_gate.providers.siteverify_reply import Told
from captcha_gate.scalars import BaseUrl, ScriptUrl, Secret, Text
from captcha_gate.tokens.fields import ClientField

__all__ = ["Asked", "Encoding", "SiteverifyProvider", "Vendor", "client_address", "listed"]

#: A token is remembered for half as long again as its vendor accepts it, and never for less than this many seconds.
_LEAST_CLAIM: Final = 300.0


class Encoding(StrEnum):
    """What the request's body is."""

    FORM = "form"
    JSON = "json"
    RAW = "raw"  #: the token and nothing else


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """How a vendor is asked: always by POST, for a secret in a URL stands in logs.

    Attributes:
        path: below `base_url`; `{site_key}` stands for the account's.
        encoding: of the body.
        response: the name of the parameter for what the page submits.
        secret: the name of the parameter for the secret.
        header: the header that carries the secret; then no parameter does.
        site_key: the name of the parameter for the site key; `None` where the vendor's documents have none.
        site_key_header: the header for it, likewise.
        client_ip: the name of the parameter for the client's address; `None` where they have none.
        idempotency_key: the name of the parameter by which the vendor knows a repeated question. Without one no
            question is repeated, for the first may have used the token up.
        repeat_on: the error codes on which the vendor's documents say to ask again.
    """

    path: str
    encoding: Encoding = Encoding.FORM
    response: str = "response"
    secret: str = "secret"
    header: str | None = None
    site_key: str | None = None
    site_key_header: str | None = None
    client_ip: str | None = None
    idempotency_key: str | None = None
    repeat_on: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Vendor:
    """One row: a vendor of the family.

    Attributes:
        type: its name in a policy.
        says: the docstring of its class: what is special, and where the rules come from.
        field: what the page submits.
        lifetime: seconds for which the vendor accepts a token.
        asked: how it is asked.
        told: what its replies say.
        base_url: its server; `None` where everybody has one of their own.
        script: its front-end script.
        credential: the policy's key for the secret: the vendor's own name for it.
        test_keys: site keys and secrets that it published for tests: tokens of theirs are anybody's.
        only_scores: it passes every token that is genuine, a bot's too, and leaves the rest to the score.
    """

    type: str
    says: str
    field: ClientField
    lifetime: float
    asked: Asked
    told: Told
    base_url: str | None = None
    script: str | None = None
    credential: str = "secret"
    test_keys: frozenset[str] = frozenset()
    only_scores: bool = False


class SiteverifyProvider(RemoteProvider):
    """An account of a vendor of the family.

    Attributes:
        key_of_page: `site_key` in the policy: what the page's widget is drawn with. (Every provider *answers* to
            `site_key`, so that no field can have that name.)
        secret: what the vendor knows us by.
    """

    key_of_page: Text | None = Field(default=None, alias="site_key")
    secret: Secret

    #: The row of the class; a class that is described by its keys has `vendor` instead.
    row: ClassVar[Vendor]

    @property
    def vendor(self) -> Vendor:
        """The row of this account."""
        return self.row

    @property
    def site_key(self) -> str | None:
        return self.key_of_page

    @property
    def for_tests(self) -> Mapping[str, str]:
        keys = {"site_key": self.key_of_page, self.vendor.credential: self.secret.get_secret_value()}
        why = "is published for tests, and everybody can make tokens that pass"
        return {name: why for name, value in keys.items() if value in self.vendor.test_keys}

    def account(self) -> str:
        return self.key_of_page or ""

    def claimed(self, fields: Mapping[str, str], context: Context) -> Claimed:
        return Claimed(fields[self.vendor.field.name], max(1.5 * self.vendor.lifetime, _LEAST_CLAIM))

    def verify(self, fields: Mapping[str, str], context: Context) -> VerifyFlow:
        request = self.request(fields[self.vendor.field.name], context)
        came = yield from _attempt(request)
        if self._may_repeat(came):
            # The same question, under the same idempotency key: a token that is spent by it stays good for it.
            again = yield from _attempt(request)
            came = came if isinstance(again, FetchError) else again
        if isinstance(came, FetchError):
            raise came
        return self.judge(came)

    def request(self, token: str, context: Context) -> httpx.Request:
        """The question to the vendor about a token."""
        asked = self.vendor.asked
        url = address(self.base_url + asked.path.replace("{site_key}", quote(self.key_of_page or "", safe="")))
        secret = self.secret.get_secret_value()
        carried = {asked.header: secret, asked.site_key_header: self.key_of_page}
        headers = {name: value for name, value in carried.items() if name is not None and value is not None}
        if asked.encoding is Encoding.RAW:
            return httpx.Request("POST", url, headers=headers, content=token.encode())
        named = {
            asked.response: token,
            asked.secret: None if asked.header else secret,
            asked.site_key: self.key_of_page,
            asked.client_ip: client_address(context),
            asked.idempotency_key: _random_key(context) if asked.idempotency_key else None,
        }
        parameters = {name: value for name, value in named.items() if name is not None and value is not None}
        if asked.encoding is Encoding.JSON:
            return httpx.Request("POST", url, headers=headers, json=parameters)
        return form(url, parameters, headers)

    def judge(self, response: httpx.Response) -> Verdict:
        """The verdict of the vendor's reply.

        Raises:
            BadReply: it is not what the vendor's documents describe.
        """
        return self.vendor.told.judge(response)

    def _may_repeat(self, came: httpx.Response | FetchError) -> bool:
        if self.vendor.asked.idempotency_key is None:
            return False
        if isinstance(came, FetchError):
            # What never left was sent again already; what ran out of time has none left.
            return came.reason is Reason.NETWORK and came.proves_outage and not came.nothing_sent
        try:
            codes = self.vendor.told.codes(json_object(came))
        except BadReply:
            return False
        return not self.vendor.asked.repeat_on.isdisjoint(codes)


def client_address(context: Context) -> str | None:
    """The client's address, where the vendor can have seen it, too: in a private network it is a proxy's."""
    return str(context.client_ip) if context.client_ip is not None and context.client_ip.is_global else None


def _random_key(context: Context) -> str:
    """Random for each request: one made from the token would let a replay pass for a repeated question."""
    return str(UUID(hex=context.token_hex(16), version=4))


def _attempt(request: httpx.Request) -> ProviderFlow[httpx.Response | FetchError]:
    try:
        response: httpx.Response = yield request
    except FetchError as error:
        return error
    return response


def listed(vendor: Vendor) -> type[SiteverifyProvider]:
    """The provider class of a row."""
    fields: dict[str, Any] = {
        "type": (Literal.__getitem__(vendor.type), ...),
        "base_url": (BaseUrl, vendor.base_url or ...),
        "script": (ScriptUrl | None, vendor.script),
        "key_of_page": (Text, Field(alias="site_key")),
        "secret": (Secret, Field(alias=vendor.credential)),
    }
    name = "".join(part.capitalize() for part in vendor.type.split("-"))
    made = create_model(name, __base__=SiteverifyProvider, __module__=__name__, __doc__=vendor.says, **fields)
    made.row = vendor
    made.client_fields = (vendor.field,)
    made.reports = vendor.told.reports
    made.only_scores = vendor.only_scores
    return made
