"""What every body reader has in common. Push parsers: the caller owns the bytes, and nothing here does I/O."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NoReturn, Protocol

from captcha_gate.errors import UnreadableRequest
from captcha_gate.outcome import Reason
from captcha_gate.tokens.fields import Values

__all__ = ["MAX_FIELDS", "Enough", "Extractor", "malformed", "too_many"]

#: Fields or parts in one form. Starlette, Django and Werkzeug stop at 1000 too (CVE-2023-25577 and its kin).
MAX_FIELDS: Final = 1000

#: Tells whether the values found so far make a complete token.
Enough = Callable[[Values], bool]


class Extractor(Protocol):
    """Finds wanted fields in a body that it is fed.

    Attributes:
        values: what was found so far.
        reads_whole: the body is of no use before its end, so a declared length above the limit refuses at once.
    """

    values: dict[str, list[str]]
    reads_whole: bool

    @property
    def pending(self) -> int:
        """Bytes that `finish` has yet to parse."""
        ...  # pragma: no cover

    def feed(self, chunk: bytes) -> bool:
        """Take some bytes. True: enough has been read, leave the rest to the application.

        Raises:
            UnreadableRequest: `body_malformed` or `body_too_large`.
        """
        ...  # pragma: no cover

    def finish(self) -> None:
        """The body has ended.

        Raises:
            UnreadableRequest: `body_malformed`.
        """
        ...  # pragma: no cover


def malformed(explanation: str) -> NoReturn:
    """Refuse a body that breaks the grammar of its own type."""
    raise UnreadableRequest(Reason.BODY_MALFORMED, explanation)


def too_many(explanation: str) -> NoReturn:
    """Refuse a body that is larger, in bytes or in parts, than the gate reads."""
    raise UnreadableRequest(Reason.BODY_TOO_LARGE, explanation)
