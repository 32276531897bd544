"""Every exception of the package, in one tree. Holds no logic and imports nothing of the package.

A client that fails a CAPTCHA is a value (`Outcome`), never an exception. Exceptions are for these:

    CaptchaGateError
    ├─ PolicyError          a policy does not load; lists every problem; never raised while serving
    ├─ PerformError         an effect could not be performed; thrown into the flow, which turns it into an outcome
    │  ├─ UnreadableRequest the request's path, method or body cannot be read     -> outcome `unreadable`
    │  ├─ FetchError        a vendor could not be reached or its reply not read   -> outcome `unavailable`
    │  ├─ StoreError        the shared store failed or is full                    -> outcome `unavailable`
    │  └─ ClientGone        the client hung up while it was sending its body      -> nobody is left to answer
    ├─ BadReply             a vendor's reply is not what its documents describe   -> outcome `unavailable`
    ├─ RepeatedField        a token field was given twice                         -> outcome `failed`
    ├─ DeviceError          VAPTCHA's device API did not do what a handler asked; for that handler to catch
    └─ UnsupportedScope     an ASGI server sent a scope that the gate does not know; refused, never passed on
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from captcha_gate.outcome import Mode, Reason

__all__ = [
    "BadReply",
    "CaptchaGateError",
    "ClientGone",
    "DeviceError",
    "FetchError",
    "PerformError",
    "PolicyError",
    "RepeatedField",
    "StoreError",
    "UnreadableRequest",
    "UnsupportedScope",
]


class CaptchaGateError(Exception):
    """The root: catch this to catch whatever the package raises on purpose."""


class PolicyError(CaptchaGateError):
    """A policy does not load. The application must not start without its gate.

    Attributes:
        problems: one line each, `file:line:column: rules[3].score.min: what is wrong (what to write instead)`.
    """

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("the policy does not load:\n" + "\n".join(f"  {problem}" for problem in self.problems))


class PerformError(CaptchaGateError):
    """An effect could not be performed. Drivers throw it into the flow at the place that asked."""


class UnreadableRequest(PerformError):
    """The request cannot be read safely.

    Attributes:
        reason: one of the reasons of the outcome `unreadable`; its HTTP status follows from it.
        mode: the mode of the rules that are in doubt; `None` where it may be any rule.
    """

    def __init__(self, reason: Reason, explanation: str = "", *, mode: Mode | None = None) -> None:
        self.reason = reason
        self.mode = mode
        super().__init__(explanation or reason.value)


class FetchError(PerformError):
    """A vendor could not be reached in time, or what it sent cannot be used.

    Attributes:
        reason: `timeout`, `network`, `bad_reply`, `throttled`, `overloaded` or `breaker_open`.
        nothing_sent: the vendor cannot have seen the request, so that sending it again is safe.
        proves_outage: another party than this gate is at fault; false for what this process or machine lacks or
            forbids, and for a certificate that does not verify, an attack or a mistake. Those never open a gate.
    """

    def __init__(
        self, reason: Reason, explanation: str, *, nothing_sent: bool = False, proves_outage: bool = True
    ) -> None:
        self.reason = reason
        self.explanation = explanation
        self.nothing_sent = nothing_sent
        self.proves_outage = proves_outage
        super().__init__(explanation)


class StoreError(PerformError):
    """The store could not answer, or is full of live claims. Never a reason to let a request through."""


class ClientGone(PerformError):
    """The client hung up before its body was complete."""


class BadReply(CaptchaGateError):
    """A vendor's reply is not what its documents describe. Raised by a provider; the message quotes nothing of it."""


class RepeatedField(CaptchaGateError):
    """A token field was given more than once: whichever value we took, the application might take the other.

    Attributes:
        provider: the name of the provider whose field it is.
    """

    def __init__(self, provider: str, name: str) -> None:
        self.provider = provider
        super().__init__(name)


class DeviceError(CaptchaGateError):
    """VAPTCHA's device API did not do what it was asked. Its message quotes neither token nor user.

    Attributes:
        reason: `malformed_token` (a server that may not be asked, or what is no token), `invalid_token` (it refuses),
            `throttled`, or why it could not answer: `timeout`, `network`, `provider_error`, `bad_reply`, `overloaded`.
    """

    def __init__(self, reason: Reason, explanation: str) -> None:
        self.reason = reason
        super().__init__(explanation)


class UnsupportedScope(CaptchaGateError):
    """An ASGI scope type other than http, websocket and lifespan: passing it on could pass the gate by."""
