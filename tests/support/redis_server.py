"""A real redis-server on loopback that keeps nothing on disk, and a proxy in front of one that lets it go wrong."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import threading
import time
from pathlib import Path
from shutil import which
from typing import Any, Self

import pytest
import redis

__all__ = ["Impostor", "RedisProxy", "RedisServer", "redis_server_or_skip"]

_BINARY = which("redis-server")


def redis_server_or_skip(folder: Path, *options: str) -> RedisServer:
    """A running server; the test is skipped where none is installed."""
    if _BINARY is None:
        pytest.skip("not installed: redis-server")
    return RedisServer(folder, *options)


class RedisServer:
    """A redis-server that answers on `port` until it is closed.

    Args:
        folder: for its log and its Unix socket.
        options: lines of its configuration, as arguments.

    """

    def __init__(self, folder: Path, *options: str) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]
        self.socket = folder / "s"
        self._log = folder / "log"
        self._command = [_BINARY or "redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--save", ""]
        self._command += ["--unixsocket", str(self.socket), "--dir", str(folder), *options]
        self.admin: Any = redis.Redis(unix_socket_path=str(self.socket))
        self.start()

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        with self._log.open("ab") as output:
            self._process = subprocess.Popen(self._command, stdout=output, stderr=output)
        end = time.monotonic() + 10
        while self._process.poll() is None and time.monotonic() < end:
            try:
                socket.create_connection(("127.0.0.1", self.port)).close()
            except ConnectionRefusedError:
                time.sleep(0.01)  # it does not listen yet
            else:
                self.admin.ping()
                return
        raise RuntimeError(f"redis-server does not answer:\n{self._log.read_text()}")

    def stop(self) -> None:
        """End it. It forgets everything."""
        self._process.kill()
        self._process.wait(10)

    def connections(self) -> int:
        """How many are open, besides our own."""
        return len(self.admin.client_list()) - 1

    def close(self) -> None:
        self.admin.close()
        self.stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class RedisProxy:
    """Hands bytes on to a port of 127.0.0.1 and back, until told otherwise.

    Attributes:
        accepted: how many connections there were.
        swallows: what is said on a new connection, or on any from now on, is lost.
        delay: seconds by which each reply is late.

    """

    def __init__(self, to: int) -> None:
        self._to = to
        self.accepted = 0
        self.swallows = False
        self.delay = 0.0
        self._deaf: set[socket.socket] = set()
        self._pairs: dict[socket.socket, socket.socket] = {}
        self._changed = threading.Condition()
        self._stopping = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=512)
        self.port: int = self._listener.getsockname()[1]
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def deafen(self) -> None:
        """Lose whatever is said on the connections that are open now, and leave them open."""
        with self._changed:
            self._deaf.update(self._pairs)

    def wait_until_left(self) -> None:
        with self._changed:
            if not self._changed.wait_for(lambda: not self._pairs, 5):
                raise TimeoutError(f"{len(self._pairs)} connections are open")

    def close(self) -> None:
        self._stopping.set()
        socket.create_connection(("127.0.0.1", self.port)).close()
        with self._changed:
            for ends in self._pairs.items():
                for end in ends:
                    with contextlib.suppress(OSError):
                        end.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(5)
        self._listener.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _accept(self) -> None:
        while True:
            near, _ = self._listener.accept()
            if self._stopping.is_set():
                near.close()
                return
            try:
                far = socket.create_connection(("127.0.0.1", self._to))
            except OSError:
                near.close()
                continue
            with self._changed:
                self._pairs[near] = far
                self.accepted += 1
            thread = threading.Thread(target=self._serve, args=(near, far), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, near: socket.socket, far: socket.socket) -> None:
        back = threading.Thread(target=self._pump, args=(far, near, near))
        back.start()
        self._pump(near, far, near)
        back.join()
        near.close()
        far.close()
        with self._changed:
            del self._pairs[near]
            self._deaf.discard(near)
            self._changed.notify_all()

    def _pump(self, here: socket.socket, there: socket.socket, near: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := here.recv(65536):
                if self.swallows or near in self._deaf:
                    continue
                if self.delay and here is not near:
                    self._stopping.wait(self.delay)
                there.sendall(data)
        for end in (here, there):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)


class Impostor:
    """Answers whatever it is told with the same words."""

    def __init__(self, words: bytes) -> None:
        self._words = words
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._open: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def __enter__(self) -> str:
        return f"redis://127.0.0.1:{self._listener.getsockname()[1]}/0"

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)  # wakes `accept`
        self._threads[0].join(5)
        for sock in self._open:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(5)
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            self._open.append(sock)
            thread = threading.Thread(target=self._repeat, args=(sock,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _repeat(self, sock: socket.socket) -> None:
        with contextlib.suppress(OSError), sock:
            while sock.recv(65536):
                sock.sendall(self._words)
