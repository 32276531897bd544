"""A server of raw sockets on loopback, one thread per connection. Knows no vendor and no CAPTCHA: its `answer` does.

Raw, because what a vendor's server does when it fails (silence, resets, half a reply) is what no HTTP library sends.
"""

from __future__ import annotations

import contextlib
import json
import socket
import ssl
import struct
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Self, TypeAlias
from urllib.parse import parse_qs, urlsplit

__all__ = ["Answer", "Connection", "LoopbackServer", "Received", "replies"]

#: SO_LINGER with no time to linger: closing sends a RST.
_NO_LINGER: Final = struct.pack("ii", 1, 0)
#: How a client begins that takes this for TLS; there may be no end of line in all that it says.
_HANDSHAKE: Final = b"\x16"
#: Seconds between two bytes of a reply that drips.
_DRIP: Final = 0.02
#: Seconds that a connection may take to end once its server ends.
_PATIENCE: Final = 5.0


@dataclass(frozen=True)
class Received:
    """One request as it arrived.

    Attributes:
        method: as it was written, `POST`.
        target: path and query, undecoded.
        headers: names in lower case; of a repeated one the last.
        body: without its transfer's framing.
    """

    method: str
    target: str
    headers: dict[str, str]
    body: bytes

    @property
    def path(self) -> str:
        """The target's path, undecoded."""
        return urlsplit(self.target).path

    @property
    def query(self) -> dict[str, list[str]]:
        """The target's query."""
        return parse_qs(urlsplit(self.target).query, keep_blank_values=True)

    @property
    def media_type(self) -> str:
        """The body's type in lower case, without parameters; empty where none is named."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    @property
    def form(self) -> dict[str, list[str]]:
        """The body, read as an urlencoded form whatever its type says."""
        return parse_qs(self.body.decode("latin-1"), keep_blank_values=True)

    @property
    def document(self) -> Any:
        """The body, read as JSON whatever its type says; `None` where it is none."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            return None


class Connection:
    """One accepted connection, as an answer sees it: bytes out, and ways to misbehave.

    Attributes:
        open: whether another request is read after this answer.
        sent: bytes sent so far.
    """

    def __init__(self, sock: socket.socket, stopping: threading.Event) -> None:
        self._sock = sock
        self._reader = sock.makefile("rb")
        self._stopping = stopping
        self.open = True
        self.sent = 0

    def send(self, data: bytes) -> None:
        """Send everything.

        Raises:
            OSError: the other side has gone.
        """
        self._sock.sendall(data)
        self.sent += len(data)

    def reply(self, status: int, body: bytes, *headers: str) -> None:
        """Send a whole response; `headers` are lines such as `Retry-After: 1`."""
        lines = [f"HTTP/1.1 {status} Whatever", f"Content-Length: {len(body)}", *headers]
        self.send("\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body)

    def drip(self, data: bytes) -> None:
        """Send a byte at a time, 20 ms apart, until the other side hangs up."""
        for byte in data:
            self.send(bytes([byte]))
            if self._stopping.wait(_DRIP):
                return

    def hold(self) -> None:
        """Say nothing until the other side hangs up."""
        with contextlib.suppress(OSError):
            while self._sock.recv(4096):
                pass
        self.open = False

    def reset(self) -> None:
        """End the connection with a RST once the answer is over."""
        self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
        self.open = False

    def hang_up(self) -> None:
        """End the connection in an orderly way once the answer is over."""
        self.open = False

    def receive(self) -> Received | None:
        """The next request; `None` where there is none, or none that this server can read."""
        if self._reader.peek(1)[:1] == _HANDSHAKE:
            return None
        line = self._reader.readline()
        if line.count(b" ") != 2:
            return None  # the end, or no HTTP
        method, target, _ = line.decode("latin-1").split(" ")
        headers = {}
        while (line := self._reader.readline()) not in (b"\r\n", b""):
            name, _, value = line.decode("latin-1").partition(":")
            headers[name.lower()] = value.strip()
        length = headers.get("content-length", "0")
        if "transfer-encoding" in headers or not (length.isascii() and length.isdigit()):
            self.reply(411, b"", "Connection: close")
            return None
        return Received(method, target, headers, self._reader.read(int(length)))

    def close(self) -> None:
        """Close the socket's reading half; the server closes the socket."""
        self._reader.close()


Answer: TypeAlias = Callable[[Connection, Received], None]


def replies(status: int, body: bytes | str, *headers: str) -> Answer:
    """The answer that is always this whole response."""
    content = body.encode() if isinstance(body, str) else body
    return lambda connection, _: connection.reply(status, content, *headers)


class LoopbackServer:
    """Listens on a free port of 127.0.0.1, records every request, and lets `answer` answer it.

    `answer`, `tls` and `stalls` may be changed while it runs: the vendor breaks down, or recovers.

    Args:
        answer: called for each request, in the thread of its connection.
        tls: speak TLS with this server-side context.
        listening: `False` refuses every connection until `listen()`.

    Attributes:
        stalls: accept connections, and do not even shake hands.
        received: every request so far, in the order of their arrival.
        accepted: how many connections were accepted.
        sent: bytes sent on connections that are over.
        port: on 127.0.0.1.
    """

    def __init__(self, answer: Answer, *, tls: ssl.SSLContext | None = None, listening: bool = True) -> None:
        self.answer = answer
        self.tls = tls
        self.stalls = False
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
        """Where it is, without a path: `http://127.0.0.1:40123`."""
        return f"{'https' if self.tls else 'http'}://127.0.0.1:{self.port}"

    def listen(self) -> None:
        """Accept connections from now on."""
        self._listener.listen(1024)
        self._start(self._accept)

    def wait_for_requests(self, count: int, timeout: float = 10.0) -> None:
        """Wait until so many requests have arrived, since the server began.

        Raises:
            TimeoutError: they have not within `timeout` seconds.
        """
        with self._changed:
            if not self._changed.wait_for(lambda: len(self.received) >= count, timeout):
                raise TimeoutError(f"{len(self.received)} of {count} requests arrived within {timeout} seconds")

    def wait_until_left(self, timeout: float = 5.0) -> None:
        """Wait until nobody is connected any more.

        Raises:
            TimeoutError: somebody still is after `timeout` seconds.
        """
        with self._changed:
            if not self._changed.wait_for(lambda: not self._sockets, timeout):
                raise TimeoutError(f"{len(self._sockets)} connections are open after {timeout} seconds")

    def drop_connections(self) -> None:
        """Close every connection, as a vendor does with idle ones."""
        self._shut_down()
        self.wait_until_left()

    def close(self) -> None:
        """Stop listening, and end every connection.

        Raises:
            TimeoutError: an answer does not come to its end.
        """
        self._stopping.set()
        with contextlib.suppress(OSError):  # wakes `accept` on every system; nobody is there where it does not listen
            socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
        self._shut_down()
        for thread in self._threads:
            thread.join(_PATIENCE)
        self._listener.close()
        if any(thread.is_alive() for thread in self._threads):
            raise TimeoutError("an answer of the stand-in does not come to its end")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _shut_down(self) -> None:
        with self._changed:
            for sock in self._sockets:
                with contextlib.suppress(OSError):
                    sock.shutdown(socket.SHUT_RDWR)

    def _start(self, target: Callable[..., None], *args: object) -> None:
        thread = threading.Thread(target=target, args=args, name="loopback", daemon=True)
        self._threads = [other for other in self._threads if other.is_alive()]
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            sock, _ = self._listener.accept()
            with self._changed:
                if self._stopping.is_set():
                    sock.close()
                    return
                self._sockets.add(sock)
                self.accepted += 1
            self._start(self._serve, sock)

    def _serve(self, sock: socket.socket) -> None:
        plain = sock
        try:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self.stalls:
                self._stall(sock)
                return
            if self.tls:
                sock = self._encrypted(sock, self.tls)
            self._converse(sock)
        except OSError:
            pass  # the other side hung up: what many of these answers are made to provoke
        finally:
            sock.close()
            with self._changed:
                self._sockets -= {plain, sock}
                self._changed.notify_all()

    def _stall(self, sock: socket.socket) -> None:
        connection = Connection(sock, self._stopping)
        try:
            connection.hold()
        finally:
            connection.close()

    def _encrypted(self, plain: socket.socket, tls: ssl.SSLContext) -> ssl.SSLSocket:
        sock = tls.wrap_socket(plain, server_side=True)
        with self._changed:
            self._sockets.discard(plain)
            self._sockets.add(sock)
        return sock

    def _converse(self, sock: socket.socket) -> None:
        connection = Connection(sock, self._stopping)
        try:
            while connection.open and (request := connection.receive()):
                with self._changed:
                    self.received.append(request)
                    self._changed.notify_all()
                self.answer(connection, request)
        finally:
            with self._changed:
                self.sent += connection.sent
            connection.close()
