"""What holds for every provider, whether it asks a vendor or not: the part that both contracts share. Asks nobody."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Final

from captcha_gate.providers.base import Provider
from captcha_gate.providers.context import Context

__all__ = ["EveryProvider", "fact"]

#: What no vendor puts into a token.
_IMPOSSIBLE: Final = (" ", "a b", "a\nb", "\x00", "<b>", 'a"b', "a\\b", "h\u00e9", "\ud800")


def fact(holds: object, message: str) -> None:
    """Fail with a message unless it holds."""
    # Not an `assert`: this stands in the package, where pytest does not rewrite and -O would drop it.
    if not holds:
        raise AssertionError(message)


class EveryProvider:
    """The grammar of the fields, and the silence about secrets."""

    provider: ClassVar[Provider]
    token: ClassVar[Mapping[str, str]]
    context: ClassVar = Context(now=1_700_000_000.0, token_hex=lambda size: "0f" * size)

    def test_its_own_token_is_accepted_by_its_own_grammar(self) -> None:
        """A grammar that is too narrow locks people out."""
        for field in self.provider.client_fields:
            fact(field.accepts(self.token[field.name]), f"the field {field.name} does not accept its own example")

    def test_what_no_vendor_issues_is_refused_before_any_call(self) -> None:
        """A grammar that is too wide lets a client choose what the vendor's server chokes on."""
        for field in self.provider.client_fields:
            empty = () if field.may_be_empty else ("",)
            for value in (*empty, *_IMPOSSIBLE, "x" * 100_000):
                fact(not field.accepts(value), f"the field {field.name} accepts {value[:10]!r}")

    def test_no_secret_stands_in_any_word_of_it(self) -> None:
        """Reprs and the names of accounts end up in logs."""
        for secret in self.provider.secrets:
            fact(secret not in repr(self.provider), "a secret stands in the provider's repr")
            fact(secret not in self.provider.account(), "a secret stands in the account's name")
