"""What to look for: the token fields that a provider declares, and where a rule looks for them. Reads nothing."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache, cached_property
from types import MappingProxyType
from typing import Final

__all__ = ["VISIBLE", "ClientField", "FieldNames", "Source", "TokenSettings", "Values", "Wanted", "names_of"]

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
        any_case: pages write the name in small and in capital letters.
        may_be_empty: an empty value is one, and not a field that is missing.
    """

    name: str
    grammar: str = VISIBLE
    max_length: int = 4096
    any_case: bool = False
    may_be_empty: bool = False

    def accepts(self, value: str) -> bool:
        """Whether the vendor could have issued this value. Checked before any call, so that junk never travels."""
        return len(value) <= self.max_length and _compiled(self.grammar).fullmatch(value) is not None


@cache
def _compiled(grammar: str) -> re.Pattern[str]:
    """A grammar that a provider declares, of which there are a few dozen."""
    return re.compile(grammar)


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


@dataclass(frozen=True)
class FieldNames:
    """The names that a reader looks for.

    Attributes:
        exact: as the client must write them.
        any_case: in lower case; the client may write them in any.
    """

    exact: frozenset[str]
    any_case: frozenset[str] = frozenset()

    @cached_property
    def longest(self) -> int:
        """Bytes of the longest of them."""
        return max((len(name.encode()) for name in self.exact | self.any_case), default=0)

    def known_as(self, given: str) -> str | None:
        """The name that a client's name stands for; `None` for one that nobody looks for."""
        if given in self.exact:
            return given
        folded = given.lower() if given.isascii() else given  # the Kelvin sign is no k
        return folded if folded in self.any_case else None


@dataclass(frozen=True)
class Wanted:
    """The fields of one provider under the names that one rule gives them.

    Attributes:
        provider: the provider's name in the policy.
        names: the client's name of each field, by the provider's name of it.
        headers: the header that carries each field, lower-case, by the provider's name of it.
        other_names: further sets of names, of which the client may use one whole.
        any_case: those of all these names, in lower case, that the client may write in any case.
        may_be_empty: the fields, by the provider's names of them, whose empty value counts.
    """

    provider: str
    names: Mapping[str, str]
    headers: Mapping[str, str]
    other_names: tuple[Mapping[str, str], ...] = ()
    any_case: frozenset[str] = frozenset()
    may_be_empty: frozenset[str] = frozenset()

    @classmethod
    def by(
        cls,
        provider: str,
        fields: tuple[ClientField, ...],
        renamed: Mapping[str, str],
        *,
        sole_single: bool,
        other_names: tuple[Mapping[str, str], ...] = (),
    ) -> Wanted:
        """Name the fields of a provider for one rule.

        Args:
            provider: its name in the policy.
            fields: what it declares.
            renamed: the policy's new names, by the declared name. They hold exactly, and no others beside them.
            sole_single: no other provider of the rule has a single field, so `X-Captcha-Token` is this one's.
            other_names: further sets of names that pages use for the fields.
        """
        names = {item.name: renamed.get(item.name, item.name) for item in fields}
        others = () if names.keys() & renamed.keys() else other_names
        free = [item.name for item in fields if item.any_case and item.name not in renamed]
        if len(fields) == 1 and sole_single:
            headers = {fields[0].name: "x-captcha-token"}
        else:
            headers = {item.name: "x-captcha-" + item.name.lower().replace("_", "-") for item in fields}
        return cls(
            provider,
            MappingProxyType(names),
            MappingProxyType(headers),
            others,
            frozenset(spelling[name] for spelling in (names, *others) for name in free),
            frozenset(item.name for item in fields if item.may_be_empty),
        )

    def names_in(self, source: Source) -> tuple[Mapping[str, str], ...]:
        """The client's names of the fields in one source: sets of which one must be complete, the usual one first."""
        return (self.headers,) if source is Source.HEADER else (self.names, *self.other_names)

    @cached_property
    def all_names(self) -> FieldNames:
        """Every name that a field may have, but for those of headers."""
        names = frozenset(name for spelling in (self.names, *self.other_names) for name in spelling.values())
        return FieldNames(names - self.any_case, names & self.any_case)


def names_of(wanted: Sequence[Wanted]) -> FieldNames:
    """Every name that a field of any of these may have, but for those of headers."""
    if len(wanted) == 1:
        return wanted[0].all_names
    all_names = [want.all_names for want in wanted]
    return FieldNames(
        frozenset().union(*(each.exact for each in all_names)),
        frozenset().union(*(each.any_case for each in all_names)),
    )
