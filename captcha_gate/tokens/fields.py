"""What to look for: the token fields that a provider declares, and where a rule looks for them. Reads nothing."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final

__all__ = ["VISIBLE", "ClientField", "Source", "TokenSettings", "Values", "Wanted"]

#: What a source holds: each name that was asked for, with every value found, so that a repetition is seen.
Values = Mapping[str, list[str]]

#: Where a vendor states no grammar: visible ASCII without quotes, angle brackets and backslash. A format that is
#: only seen in samples is no rule, but nothing outside this set was ever part of a token.
VISIBLE: Final = r"[!#$%&()*+,\-./0-9:;=?@A-Z\[\]^_`a-z{|}~]+"


class Source(StrEnum):
    """Where token fields may stand. All fields of a token come from one source."""

    HEADER = "header"
    JSON = "json"
    FORM = "form"
    QUERY = "query"
    COOKIE = "cookie"


@dataclass(frozen=True, slots=True)
class ClientField:
    """One field that the page submits, and what may stand in it.

    Attributes:
        name: the name that the vendor's script or documents use.
        grammar: a regular expression for the whole value.
        max_length: in characters; generous, for a longer value is refused before any call.
    """

    name: str
    grammar: str = VISIBLE
    max_length: int = 4096

    def accepts(self, value: str) -> bool:
        """Whether the vendor could have issued this value. Checked before any call, so that junk never travels."""
        return len(value) <= self.max_length and re.fullmatch(self.grammar, value) is not None


@dataclass(frozen=True, slots=True)
class TokenSettings:
    """Where a rule looks for token fields, and how much it reads for them.

    Attributes:
        sources: tried in this order.
        max_body: bytes that the gate reads at most; fields that are not complete by then are a 413.
        body_timeout: seconds that reading the body may take (ASGI; a WSGI server has its own limit).
    """

    sources: tuple[Source, ...] = (Source.HEADER, Source.JSON, Source.FORM)
    max_body: int = 1024 * 1024
    body_timeout: float = 30.0


@dataclass(frozen=True, slots=True)
class Wanted:
    """The fields of one provider under the names that one rule gives them.

    Attributes:
        provider: the provider's name in the policy.
        names: the client's name of each field, by the provider's name of it.
        headers: the header that carries each field, lower-case, by the provider's name of it.
    """

    provider: str
    names: Mapping[str, str]
    headers: Mapping[str, str]

    @classmethod
    def by(
        cls, provider: str, fields: tuple[ClientField, ...], renamed: Mapping[str, str], *, sole_single: bool
    ) -> Wanted:
        """Name the fields of a provider for one rule.

        Args:
            provider: its name in the policy.
            fields: what it declares.
            renamed: the policy's new names, by the declared name.
            sole_single: no other provider of the rule has a single field, so `X-Captcha-Token` is this one's.
        """
        names = {item.name: renamed.get(item.name, item.name) for item in fields}
        if len(fields) == 1 and sole_single:
            headers = {fields[0].name: "x-captcha-token"}
        else:
            headers = {item.name: "x-captcha-" + item.name.lower().replace("_", "-") for item in fields}
        return cls(provider, MappingProxyType(names), MappingProxyType(headers))

    def names_in(self, source: Source) -> Mapping[str, str]:
        """The client's name of each field in one source."""
        return self.headers if source is Source.HEADER else self.names
