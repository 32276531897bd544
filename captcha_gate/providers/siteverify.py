"""The siteverify family: one flow for all vendors whose page submits one token. Vendors are rows; does no I/O.

A row (`Vendor`) says how a vendor is asked and what its replies say. `listed` makes the provider class of a row, so
that its keys are declared, reported and in the schema as those of any other provider.
"""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Any, ClassVar, Final, Literal
from urllib.parse import quote
from uuid import UUID

import httpx
from pydantic import Field, create_model, model_validator

from captcha_gate.errors import BadReply, FetchError
from captcha_gate.outcome import Reason
from captcha_gate.providers.asking import address, client_address, form, origin_of
from captcha_gate.providers.base import (
    EXPERIMENTAL,
    AlsoFills,
    Label,
    ProviderFlow,
    RemoteProvider,
    Reports,
    VerifyFlow,
)
from captcha_gate.providers.context import Claimed, Context
from captcha_gate.providers.published_keys import PUBLISHED
from captcha_gate.providers.reading import json_object
from captcha_gate.providers.siteverify_reply import Told
from captcha_gate.scalars import AccountId, BaseUrl, ScriptUrl, Secret
from captcha_gate.tokens.fields import ClientField

__all__ = ["Asked", "Encoding", "SiteverifyProvider", "Vendor", "listed"]

#: A token is remembered for half as long again as its vendor accepts it, and never for less than this many seconds.
_LEAST_CLAIM: Final = 300.0


class Encoding(StrEnum):
    """What the request's body is."""

    FORM = "form"
    JSON = "json"
    RAW = "raw"  #: the token and nothing else
    QUERY = "query"  #: there is none: the URL says it all, the secret too


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """How a vendor is asked: by POST, unless it knows no other way than a query.

    Attributes:
        path: below `base_url`; `{site_key}` stands for the account's, quoted.
        encoding: of the body.
        inside: the name of the JSON object that holds the parameters; `None` where they stand at the top.
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
    inside: str | None = None
    response: str = "response"
    secret: str = "secret"
    header: str | None = None
    site_key: str | None = None
    site_key_header: str | None = None
    client_ip: str | None = None
    idempotency_key: str | None = None
    repeat_on: frozenset[str] = frozenset()


def _no_labels() -> Mapping[Reports, Label]:
    return MappingProxyType({})


def _no_options() -> Mapping[str, str]:
    return MappingProxyType({})


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
        told_of_tests: the same for an account with a key that is published for tests, where they differ.
        base_url: its server; `None` where everybody has one of their own.
        script: its front-end script; `{site_key}` stands for the account's, quoted.
        csp: what its widget needs of a Content-Security-Policy, besides the script's own place.
        unsafe_styles: its widget needs inline styles, too.
        page_options: what its widget must be told besides the site key. `{base_url}` and `{site_key}` stand for the
            account's.
        sizes: in which its widget can be drawn, the vendor's default first: the policy's key `size` is one of them.
        credential: the policy's key for the secret: the vendor's own name for it.
        probe: a token that no page made, but in the vendor's own form. `{hex}` stands for random digits.
        labels: what the vendor allows in what a page tells it.
        also_fills: the field of another vendor that its widget writes, too.
        only_scores: it passes every token that is genuine, a bot's too, and leaves the rest to the score.
        experimental: nothing that was written elsewhere has been run against it.
    """

    type: str
    says: str
    field: ClientField
    lifetime: float
    asked: Asked
    told: Told
    told_of_tests: Told | None = None
    base_url: str | None = None
    script: str | None = None
    csp: tuple[str, ...] = ()
    unsafe_styles: bool = False
    page_options: Mapping[str, str] = dataclasses.field(default_factory=_no_options)
    sizes: tuple[str, ...] = ()
    credential: str = "secret"
    probe: str = "{hex}"
    labels: Mapping[Reports, Label] = dataclasses.field(default_factory=_no_labels)
    also_fills: AlsoFills | None = None
    only_scores: bool = False
    experimental: bool = False


class SiteverifyProvider(RemoteProvider):
    """An account of a vendor of the family.

    Attributes:
        key_of_page: `site_key` in the policy: what the page's widget is drawn with. (Every provider *answers* to
            `site_key`, so that no field can have that name.)
        secret: what the vendor knows us by; `None` only where a type has another way.
    """

    key_of_page: AccountId | None = Field(default=None, alias="site_key")
    secret: Secret | None = None

    #: The row of the class; a class that is described by its keys has `vendor` instead.
    row: ClassVar[Vendor]

    @model_validator(mode="before")
    @classmethod
    def _script_of_this_page(cls, keys: Any) -> Any:
        script = cls.row.script if hasattr(cls, "row") else None
        if script is None or "{" not in script or not isinstance(keys, dict) or "script" in keys:
            return keys
        site_key = keys.get("site_key")
        if not isinstance(site_key, str):
            return keys
        return {**keys, "script": script.format(site_key=quote(site_key.strip(), safe=""))}

    @property
    def vendor(self) -> Vendor:
        """The row of this account."""
        return self.row

    @property
    def site_key(self) -> str | None:
        return self.key_of_page

    @property
    def also_fills(self) -> AlsoFills | None:
        also = self.vendor.also_fills
        return None if also is not None and also.on and also.on not in (self.script or "") else also

    @property
    def for_tests(self) -> Mapping[str, str]:
        keys = {"site_key": self.key_of_page, self.vendor.credential: self._known_by}
        why = "is published for tests, and everybody can make tokens that pass"
        return {name: why for name, value in keys.items() if value in PUBLISHED}

    @property
    def page_options(self) -> Mapping[str, Any]:
        account = {"base_url": self.base_url, "site_key": quote(self.key_of_page or "", safe="")}
        told = {name: template.format(**account) for name, template in self.vendor.page_options.items()}
        return {**told, "size": vars(self)["size"]} if self.vendor.sizes else told

    @property
    def csp_sources(self) -> tuple[str, ...]:
        # A server of one's own serves the widget, too.
        own = () if self.vendor.base_url else (origin_of(self.base_url),)
        return tuple(dict.fromkeys((*super().csp_sources, *own)))

    def account(self) -> str:
        """The site key; a server of one's own knows other keys than the next one does."""
        return f"{'' if self.vendor.base_url else self.base_url} {self.key_of_page or ''}"

    def claimed(self, fields: Mapping[str, str], context: Context) -> Claimed:
        return Claimed(fields[self.vendor.field.name], max(1.5 * self.vendor.lifetime, _LEAST_CLAIM))

    def probe_fields(self, context: Context) -> Mapping[str, str]:
        probe = self.vendor.probe.format(site_key=self.key_of_page, hex=context.token_hex(32))
        return {self.vendor.field.name: probe}

    def verify(self, fields: Mapping[str, str], context: Context) -> VerifyFlow:
        request = self.request(fields[self.vendor.field.name], context)
        came = yield from _attempt(request)
        if self._may_repeat(came):
            # The same question, under the same idempotency key: a token that is spent by it stays good for it.
            again = yield from _attempt(request)
            came = came if isinstance(again, FetchError) else again
        if isinstance(came, FetchError):
            raise came
        return self.told.judge(came)

    @property
    def told(self) -> Told:
        """What the vendor's replies say of this account's tokens."""
        of_tests = self.vendor.told_of_tests
        return of_tests if of_tests is not None and self.for_tests else self.vendor.told

    def request(self, token: str, context: Context) -> httpx.Request:
        """The question to the vendor about a token."""
        asked = self.vendor.asked
        url = address(self.base_url + asked.path.format_map(self.in_path()))
        headers = self.headers()
        if asked.encoding is Encoding.RAW:
            return httpx.Request("POST", url, headers=headers, content=token.encode())
        named = {
            asked.response: token,
            asked.secret: None if asked.header else self._known_by,
            asked.site_key: self.key_of_page,
            asked.client_ip: client_address(context),
            asked.idempotency_key: _random_key(context) if asked.idempotency_key else None,
        }
        parameters = _given(named)
        if asked.encoding is Encoding.QUERY:
            return httpx.Request("GET", url, headers=headers, params=parameters)
        if asked.encoding is Encoding.JSON:
            document = {asked.inside: parameters} if asked.inside else parameters
            return httpx.Request("POST", url, headers=headers, json=document)
        return form(url, parameters, headers)

    def in_path(self) -> Mapping[str, str]:
        """What the names in the row's path stand for."""
        return {"site_key": quote(self.key_of_page or "", safe="")}

    def headers(self) -> dict[str, str]:
        """What the vendor reads in headers."""
        asked = self.vendor.asked
        return _given({asked.header: self._known_by, asked.site_key_header: self.key_of_page})

    @property
    def _known_by(self) -> str | None:
        return self.secret.get_secret_value() if self.secret is not None else None

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


def _given(named: Mapping[str | None, str | None]) -> dict[str, str]:
    return {name: value for name, value in named.items() if name is not None and value is not None}


def _random_key(context: Context) -> str:
    """Random for each request: one made from the token would let a replay pass for a repeated question."""
    return str(UUID(hex=context.token_hex(16), version=4))


def _attempt(request: httpx.Request) -> ProviderFlow[httpx.Response | FetchError]:
    try:
        response: httpx.Response = yield request
    except FetchError as error:
        return error
    return response


def listed(
    vendor: Vendor, base: type[SiteverifyProvider] = SiteverifyProvider, **keys: Any
) -> type[SiteverifyProvider]:
    """The provider class of a row.

    Args:
        vendor: the row.
        base: where it has more than a row can say: a class with those keys.
        keys: declarations (type and default, as pydantic takes them) that differ from the family's, by attribute.
    """
    fields: dict[str, Any] = {
        "type": (Literal.__getitem__(vendor.type), ...),
        "base_url": (BaseUrl, vendor.base_url or ...),
        "script": (ScriptUrl | None, None if "{" in (vendor.script or "") else vendor.script),
        "key_of_page": (AccountId, Field(alias="site_key")),
        "secret": (Secret, Field(alias=vendor.credential)),
        **({"size": (Literal.__getitem__(vendor.sizes), vendor.sizes[0])} if vendor.sizes else {}),
        **keys,
    }
    name = "".join(part.capitalize() for part in vendor.type.split("-"))
    says = inspect.cleandoc(vendor.says) + (f"\n\n{EXPERIMENTAL}" if vendor.experimental else "")
    made = create_model(name, __base__=base, __module__=__name__, __doc__=says, **fields)
    made.row = vendor
    made.client_fields = (vendor.field,)
    made.reports = vendor.told.reports
    made.labels = vendor.labels
    made.csp = vendor.csp
    made.unsafe_styles = vendor.unsafe_styles
    made.secret_in_url = vendor.asked.encoding is Encoding.QUERY
    made.only_scores = vendor.only_scores
    made.experimental = vendor.experimental
    return made
