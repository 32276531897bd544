"""Reads as much of an ASGI request's body as the gate needs, and plays it back message by message. Parses nothing."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, TypeAlias

from captcha_gate.errors import ClientGone, UnreadableRequest
from captcha_gate.outcome import Reason
from captcha_gate.spool import IN_MEMORY, Spool
from captcha_gate.time_limits import within

__all__ = ["Message", "RecordedBody"]

Message: TypeAlias = MutableMapping[str, Any]


class RecordedBody:
    """The body that was read so far.

    The application first gets the very messages that the gate read, then the server's own `receive`. Anything else,
    an empty message or a made-up disconnect at the end, truncates streams or spins frameworks for ever.

    Args:
        receive: the server's.
    """

    def __init__(self, receive: Callable[[], Awaitable[Message]]) -> None:
        self._receive = receive
        self._spent = 0.0  # seconds
        self._messages: deque[tuple[Message, int | None]] = deque()  # with the length of a body that is in the spool
        self._size = 0
        self._spool: Spool | None = None  # what comes after the first messages
        self._ended = False

    @property
    def was_read(self) -> bool:
        """Whether there is anything to play back."""
        return bool(self._messages)

    async def read(self, timeout: float) -> bytes:
        """Some more bytes; `b""` at the end.

        Args:
            timeout: seconds that all reading of this body together may take.

        Raises:
            ClientGone: the client hung up.
            UnreadableRequest: `body_too_slow`.
            OSError: the disk is full; what was read is kept all the same.
        """
        while not self._ended:
            message = await self._next(timeout)
            if message["type"] == "http.disconnect":
                raise ClientGone
            body: bytes = message.get("body", b"")
            self._ended = not message.get("more_body", False)
            self._keep(message, body)
            if body:
                return body
        return b""

    def whole(self, at_most: int) -> bytes | None:
        """All of the body; `None` where it was not read to its end, or is longer than so many bytes."""
        if not self._ended or self._size > min(at_most, IN_MEMORY):
            return None
        return b"".join(message.get("body", b"") for message, _ in self._messages)

    async def replay(self) -> Message:
        """The `receive` for the application."""
        if not self._messages:
            return await self._receive()
        message, length = self._messages.popleft()
        if length is not None and self._spool is not None:
            message["body"] = self._spool.read(length)
        return message

    def rewind(self) -> None:
        """Reading is over; playing back begins."""
        if self._spool is not None:
            self._spool.rewind()

    def close(self) -> None:
        """Drop what is kept on disk."""
        if self._spool is not None:
            self._spool.close()

    async def _next(self, timeout: float) -> Message:
        loop = asyncio.get_running_loop()
        begun = loop.time()
        try:
            with within(timeout - self._spent):
                return await self._receive()
        except TimeoutError:
            raise UnreadableRequest(Reason.BODY_TOO_SLOW, "the body took too long to arrive") from None
        finally:
            self._spent += loop.time() - begun

    def _keep(self, message: Message, body: bytes) -> None:
        self._size += len(body)
        if self._size <= IN_MEMORY or not body:
            self._messages.append((message, None))
            return
        if self._spool is None:
            self._spool = Spool(in_memory=0)
        self._messages.append(({**message, "body": b""}, len(body)))
        self._spool.write(body)
