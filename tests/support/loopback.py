"""A server of raw sockets on loopback, one thread per connection. Knows no vendor and no CAPTCHA: `answer` does."""

from __future__ import annotations

import contextlib
import socket
import ssl
import struct
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Self
from urllib.parse import parse_qs, urlsplit

__all__ = ["Answer", "Connection", "LoopbackServer", "Received"]

_NO_LINGER = struct.pack("ii", 1, 0)


@dataclass(frozen=True)
class Received:
    """One request as it arrived."""

    method: str
    target: str
    headers: dict[str, str]  # names in lower case
    body: bytes

    @property
    def path(self) -> str:
        return urlsplit(self.target).path

    @property
    def query(self) -> dict[str, list[str]]:
        return parse_qs(urlsplit(self.target).query, keep_blank_values=True)

    @property
    def form(self) -> dict[str, list[str]]:
        return parse_qs(self.body.decode("latin-1"), keep_blank_values=True)

    @property
    def lot_number(self) -> str:
        return self.form.get("lot_number", [""])[0]


class Connection:
    """One accepted connection, as an answer sees it: bytes out, and ways to misbehave."""

    def __init__(self, sock: socket.socket, stopping: threading.Event) -> None:
        self._sock = sock
        self._reader = sock.makefile("rb")
        self._stopping = stopping
        self.open = True
        self.sent = 0  # bytes

    def send(self, data: bytes) -> None:
        """Send everything; raises OSError where the other side has gone."""
        self._sock.sendall(data)
        self.sent += len(data)

    def reply(self, status: int, body: bytes, *headers: str) -> None:
        """Send a whole response."""
        lines = [f"HTTP/1.1 {status} Whatever", f"Content-Length: {len(body)}", *headers]
        self.send("\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body)

    def drip(self, data: bytes) -> None:
        """Send a byte at a time, 20 ms apart, until the other side hangs up."""
        for byte in data:
            self.send(bytes([byte]))
            if self._stopping.wait(0.02):
                return

    def hold(self) -> None:
        """Say nothing until the other side hangs up."""
        with contextlib.suppress(OSError):
            while self._sock.recv(4096):
                pass
        self.open = False

    def reset(self) -> None:
        """End the connection with a RST."""
        self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
        self.open = False

    def hang_up(self) -> None:
        """End the connection in an orderly way once the answer is over."""
        self.open = False

    def receive(self) -> Received | None:
        """The next request; `None` where there is none."""
        line = self._reader.readline()
        if line.count(b" ") != 2:
            return None  # the end, or no HTTP: a TLS handshake where we speak none
        method, target, _ = line.decode("latin-1").split(" ")
        headers = {}
        while (line := self._reader.readline()) not in (b"\r\n", b""):
            name, _, value = line.decode("latin-1").partition(":")
            headers[name.lower()] = value.strip()
        return Received(method, target, headers, self._reader.read(int(headers.get("content-length", 0))))

    def close(self) -> None:
        self._reader.close()
        self._sock.close()


Answer = Callable[[Connection, Received], None]


class LoopbackServer:
    """Listens on a free port of 127.0.0.1, records every request, and lets `answer` answer it.

    `answer`, `tls` and `stalls` may be changed while it runs: the vendor breaks down, or recovers.
    """

    def __init__(self, answer: Answer, *, tls: ssl.SSLContext | None = None, listening: bool = True) -> None:
        self.answer = answer
        self.tls = tls
        self.stalls = False  #: accept, and do not even shake hands
        self.received: list[Received] = []
        self.accepted = 0
        self.sent = 0
        self._sockets: set[socket.socket] = set()
        self._changed = threading.Condition()
        self._stopping = threading.Event()
        self._threads: list[threading.Thread] = []
        self._listener = socket.socket()
        self._listener.bind(("127.0.0.1", 0))  # a port that is bound and does not listen refuses connections
        self.port: int = self._listener.getsockname()[1]
        if listening:
            self.listen()

    @property
    def url(self) -> str:
        return f"{'https' if self.tls else 'http'}://127.0.0.1:{self.port}"

    def listen(self) -> None:
        """Accept connections from now on."""
        self._listener.listen(1024)
        self._start(self._accept)

    def wait_for_requests(self, count: int, timeout: float = 10.0) -> None:
        """Wait until so many requests have arrived."""
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.received) >= count, timeout), len(self.received)

    def wait_until_left(self, timeout: float = 5.0) -> None:
        """Wait until nobody is connected any more."""
        with self._changed:
            assert self._changed.wait_for(lambda: not self._sockets, timeout), self._sockets

    def drop_connections(self) -> None:
        """Close every connection as a vendor does with idle ones."""
        with self._changed:
            for sock in self._sockets:
                with contextlib.suppress(OSError):
                    sock.shutdown(socket.SHUT_RDWR)
        self.wait_until_left()

    def close(self) -> None:
        self._stopping.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        with self._changed:
            for sock in self._sockets:
                with contextlib.suppress(OSError):
                    sock.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(5)
            assert not thread.is_alive(), "a connection of the stand-in does not end"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _start(self, target: Callable[..., None], *args: object) -> None:
        thread = threading.Thread(target=target, args=args, name="loopback", daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while not self._stopping.is_set():
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            with self._changed:
                self._sockets.add(sock)
                self.accepted += 1
            self._start(self._serve, sock)

    def _serve(self, sock: socket.socket) -> None:
        plain = sock
        try:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self.stalls:
                Connection(sock, self._stopping).hold()
                return
            if self.tls:
                sock = self.tls.wrap_socket(sock, server_side=True)
                with self._changed:
                    self._sockets.discard(plain)
                    self._sockets.add(sock)
            self._converse(sock)
        except OSError:
            pass  # the other side hung up: what many of these answers are made to provoke
        finally:
            sock.close()
            with self._changed:
                self._sockets -= {plain, sock}
                self._changed.notify_all()

    def _converse(self, sock: socket.socket) -> None:
        connection = Connection(sock, self._stopping)
        try:
            while connection.open and (request := connection.receive()):
                with self._changed:
                    self.received.append(request)
                    self._changed.notify_all()
                self.answer(connection, request)
        finally:
            self.sent += connection.sent
            connection.close()
