"""Whether a call failed for what this process or machine lacks or forbids. Says nothing of vendors, sends nothing.

Whoever holds enough idle connections uses up a server's file descriptors; then no call to a vendor can begin. Such a
failure proves nothing about the vendor, or everybody could open a gate with it.
"""

from __future__ import annotations

import errno
import socket
import ssl
from collections.abc import Iterator
from typing import Final

import httpcore

from captcha_gate.errors import FetchError
from captcha_gate.outcome import Reason

__all__ = ["Lacking", "own_fault"]

#: Descriptors, memory, buffers, local ports. They pass, and are worth asking again a little later.
_LACKS: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOBUFS, errno.EADDRNOTAVAIL, errno.EAGAIN})
_LACKS_OF_LOOK_UPS: Final = frozenset({socket.EAI_MEMORY, socket.EAI_SYSTEM})


class Lacking(httpcore.ConnectError):
    """A call could not begin for a lack that no number of the system tells of."""


def own_fault(error: BaseException) -> FetchError | None:
    """What a failed call says of ourselves; `None` where it may be the vendor's failure.

    Args:
        error: as it came; what it came from counts as much.
    """
    for cause in _causes(error):
        if _is_lack(cause):
            return FetchError(Reason.OVERLOADED, f"this process lacks what a call needs: {cause}", proves_outage=False)
        if isinstance(cause, PermissionError):
            # A firewall of this machine: nobody has heard the question, and the mistake is ours to mend.
            return FetchError(Reason.NETWORK, f"this machine forbids the connection: {cause}", proves_outage=False)
        if isinstance(cause, ssl.SSLCertVerificationError):
            # Somebody in between, or a wrong base_url: whoever could cause it must not open the gate with it.
            return FetchError(Reason.NETWORK, f"{type(error).__name__}: {error}", proves_outage=False)
    return None


def _is_lack(error: BaseException) -> bool:
    if isinstance(error, socket.gaierror):
        return error.errno in _LACKS_OF_LOOK_UPS
    if isinstance(error, ssl.SSLError):
        return False  # its numbers are OpenSSL's
    return isinstance(error, (Lacking, MemoryError)) or (isinstance(error, OSError) and error.errno in _LACKS)


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The error and all that it came from. Libraries wrap the system's own word in several of theirs."""
    seen: set[int] = set()
    waiting: list[BaseException | None] = [error]
    while waiting:
        one = waiting.pop()
        if one is None or id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        waiting += [one.__cause__ or one.__context__, getattr(one, "os_error", None)]  # the latter is aiohttp's
        if isinstance(one, BaseExceptionGroup):
            waiting += one.exceptions
