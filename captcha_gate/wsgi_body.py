"""Reads as much of a WSGI request's body as the gate needs, and plays it back byte for byte. Parses nothing."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property, partial
from typing import IO, Any, Final

from werkzeug.exceptions import ClientDisconnected
from werkzeug.wsgi import get_content_length, get_input_stream

from captcha_gate.errors import ClientGone
from captcha_gate.spool import Spool

__all__ = ["RecordedInput"]

#: Bytes that are asked for at a time: a read blocks until it has them all, so not too many.
CHUNK: Final = 16 * 1024


class RecordedInput:
    """The request's `wsgi.input`, first as the gate reads it, then as the application does.

    The server's stream is taken from Werkzeug bounded by CONTENT_LENGTH, for reading past the end of an unbounded one
    blocks for ever; a stream that ends by itself is taken as it is.
    """

    def __init__(self, environ: dict[str, Any]) -> None:
        self._environ = environ
        self._ended = False
        self._kept = Spool()

    @cached_property
    def _stream(self) -> IO[bytes]:
        environ = self._environ
        if not environ.get("wsgi.input_terminated"):
            # Cheroot says False; Werkzeug takes the name alone for a promise.
            environ = {name: environ[name] for name in environ if name != "wsgi.input_terminated"}
        return get_input_stream(environ)

    @property
    def was_read(self) -> bool:
        """Whether there is anything to play back."""
        return self._kept.size > 0

    @property
    def on_disk(self) -> bool:
        """Whether something is kept that should be closed when the request is over."""
        return self._kept.on_disk

    def read_more(self) -> bytes:
        """Some more bytes; `b""` at the end.

        Raises:
            ClientGone: the client hung up.
            OSError: the disk is full; what was read is kept all the same.
        """
        try:
            chunk = self._stream.read(CHUNK)
        except (ClientDisconnected, OSError):
            raise ClientGone from None
        if not chunk and self._kept.size < (get_content_length(self._environ) or 0):
            raise ClientGone  # some servers hand over what there is of a body as if it were all
        self._ended = not chunk
        self._kept.write(chunk)
        return chunk

    def whole(self, at_most: int) -> bytes | None:
        """All of the body; `None` where it was not read to its end, or is longer than so many bytes."""
        return self._kept.in_memory() if self._ended and self._kept.size <= at_most else None

    def rewind(self) -> None:
        """Reading is over; playing back begins."""
        self._kept.rewind()

    def read(self, size: int | None = -1) -> bytes:
        """As PEP 3333 has it: kept bytes first, and never more of the stream than was asked for."""
        wanted = -1 if size is None or size < 0 else size
        kept = self._kept.read(wanted)
        if wanted < 0:
            # By size, for Granian's `read()` loses what its `read(size)` has buffered.
            return kept + b"".join(iter(partial(self._stream.read, CHUNK), b""))
        return kept if len(kept) == wanted else kept + self._stream.read(wanted - len(kept))

    def readline(self, size: int | None = -1) -> bytes:
        """One line, of at most so many bytes."""
        wanted = -1 if size is None or size < 0 else size
        kept = self._kept.readline(wanted)
        if kept.endswith(b"\n") or len(kept) == wanted:
            return kept
        return kept + (self._stream.readline() if wanted < 0 else self._stream.readline(wanted - len(kept)))

    def readlines(self, hint: int | None = -1) -> list[bytes]:
        """Lines until the end, or until there are `hint` bytes of them."""
        lines: list[bytes] = []
        length = 0
        for line in self:
            lines.append(line)
            length += len(line)
            if hint is not None and 0 < hint <= length:
                break
        return lines

    def __iter__(self) -> Iterator[bytes]:
        """Iterate over lines."""
        return iter(self.readline, b"")

    def close(self) -> None:
        """Drop what was kept; the stream is the server's to close."""
        self._kept.close()
