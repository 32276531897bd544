"""Keeps bytes: few in memory, more on disk, and on no failure of the disk fewer than it was given. Reads no request."""

from __future__ import annotations

from io import BufferedReader, BytesIO, FileIO
from tempfile import TemporaryFile
from typing import IO, Any, Final

__all__ = ["IN_MEMORY", "Spool"]

#: Bytes of a body that are kept in memory; above them it is kept in a file.
IN_MEMORY: Final = 64 * 1024


class Spool:
    """Bytes that are written, then rewound, then read.

    Args:
        in_memory: how many are kept in memory; with more, all are kept in a file.
    """

    def __init__(self, in_memory: int = IN_MEMORY) -> None:
        self._in_memory = in_memory
        self._size = 0
        self._memory = BytesIO()
        self._file: FileIO | None = None
        self._reader: IO[bytes] = self._memory

    @property
    def size(self) -> int:
        """How many bytes are kept."""
        return self._size

    @property
    def on_disk(self) -> bool:
        """Whether there is a file to be closed."""
        return self._file is not None

    def write(self, data: bytes) -> None:
        """Keep some more.

        Raises:
            OSError: the disk does not take it. It is kept in memory, with all that came before it.
        """
        if self._file is None:
            self._memory.write(data)
        self._size += len(data)
        if self._size <= self._in_memory:
            return
        try:
            if self._file is None:
                self._move_to_disk()
            else:
                _write(self._file, data)
        except OSError:
            self._move_to_memory(data)
            raise

    def in_memory(self) -> bytes | None:
        """All that is kept; `None` where it is on disk."""
        return self._memory.getvalue() if self._file is None else None

    def rewind(self) -> None:
        """Writing is over; reading begins."""
        if self._file is None:
            self._memory.seek(0)
        else:
            self._file.seek(0)
            self._reader = BufferedReader(self._file)

    def read(self, size: int = -1) -> bytes:
        """As a file does."""
        return self._reader.read(size)

    def readline(self, size: int = -1) -> bytes:
        """As a file does."""
        return self._reader.readline(size)

    def close(self) -> None:
        """Let go of what is kept."""
        self._memory.close()
        if self._file is not None:
            self._file.close()

    def _move_to_disk(self) -> None:
        # Without a buffer: what a full disk leaves in one is written, and fails, once more at every later turn.
        file: Any = TemporaryFile(buffering=0)  # noqa: SIM115 - it lives until the application has read it
        try:
            _write(file, self._memory.getvalue())
        except OSError:
            file.close()
            raise
        self._file, self._memory = file, BytesIO()

    def _move_to_memory(self, data: bytes) -> None:
        """Take back what the file has, and what it did not take."""
        if self._file is None:
            return  # it has never left
        self._file.seek(0)
        self._memory.write(self._file.read()[: self._size - len(data)] + data)
        self._file.close()
        self._file, self._reader = None, self._memory


def _write(file: FileIO, data: bytes) -> None:
    left = memoryview(data)
    while left:
        left = left[file.write(left) :]
