"""Real servers as processes of their own: started, waited for by connecting, stopped by their process group."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Self

__all__ = ["SERVERS", "HttpConnection", "RunningServer", "ServerKind"]

_TESTS = Path(__file__).parent.parent


@dataclass(frozen=True)
class ServerKind:
    """How a server is started.

    Attributes:
        command: arguments of Python; `{port}` stands for the port.
        needs: modules without which it cannot be started.
        chunked: it reads chunked bodies, or hands them over to be read.

    """

    name: str
    interface: str  # asgi | wsgi
    command: str
    needs: tuple[str, ...]
    workers: int = 1
    websockets: bool = False
    chunked: bool = True

    @property
    def missing(self) -> list[str]:
        return [name for name in self.needs if importlib.util.find_spec(name) is None]


def _uvicorn(http: str, ws: str, *needs: str) -> ServerKind:
    command = (
        f"-m uvicorn support.apps:asgi --host 127.0.0.1 --port {{port}} --log-level warning --http {http} --ws {ws}"
    )
    return ServerKind(f"uvicorn-{http}", "asgi", command, ("uvicorn", *needs), websockets=True)


def _gunicorn(name: str, options: str, workers: int = 1) -> ServerKind:
    command = f"-m gunicorn -b 127.0.0.1:{{port}} --log-level warning --graceful-timeout 2 {options} support.apps:wsgi"
    return ServerKind(name, "wsgi", command, ("gunicorn",), workers)


def _granian(interface: str) -> ServerKind:
    command = (
        f"-m granian --interface {interface} --host 127.0.0.1 --port {{port}} --no-access-log support.apps:{interface}"
    )
    return ServerKind(f"granian-{interface}", interface, command, ("granian",), websockets=interface == "asgi")


def _small(name: str, module: str, *, chunked: bool = True) -> ServerKind:
    return ServerKind(name, "wsgi", f"-m support.small_servers {name} {{port}}", (module,), chunked=chunked)


SERVERS = [
    _uvicorn("h11", "wsproto", "h11", "wsproto"),
    _uvicorn("httptools", "websockets", "httptools", "websockets"),
    ServerKind(
        "hypercorn", "asgi", "-m hypercorn -b 127.0.0.1:{port} support.apps:asgi", ("hypercorn",), websockets=True
    ),
    _granian("asgi"),
    _granian("wsgi"),
    _gunicorn("gunicorn-sync", "-w 1 -k sync"),
    _gunicorn("gunicorn-gthread", "-w 1 -k gthread --threads 4"),
    _gunicorn("gunicorn-preload", "-w 4 -k gthread --threads 2 --preload", workers=4),
    ServerKind("waitress", "wsgi", "-m waitress --listen=127.0.0.1:{port} support.apps:wsgi", ("waitress",)),
    ServerKind("daphne", "asgi", "-m daphne -b 127.0.0.1 -p {port} support.apps:asgi", ("daphne",), websockets=True),
    _small("cheroot", "cheroot"),
    _small("uwsgi", "pyuwsgi", chunked=False),
    _small("werkzeug", "werkzeug"),
    _small("wsgiref", "wsgiref", chunked=False),
]


class RunningServer:
    """A server that answers on `port` until it is closed."""

    def __init__(self, kind: ServerKind, policy: Path, log: Path) -> None:
        self.kind = kind
        self._log = log
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]
        environment = {**os.environ, "CAPTCHA_POLICY": str(policy), "PYTHONPATH": f"{_TESTS}:{_TESTS.parent}"}
        environment.pop("WEB_CONCURRENCY", None)
        environment["HOME"] = str(log.parent)  # where gunicorn has its control socket: two of them must not share one
        with log.open("wb") as output:
            self._process = subprocess.Popen(
                [sys.executable, *kind.command.format(port=self.port).split()],
                cwd=_TESTS,
                env=environment,
                stdout=output,
                stderr=output,
                start_new_session=True,  # its workers end with it
            )
        self._wait_until_ready()

    @property
    def log(self) -> str:
        """What it has printed so far."""
        return self._log.read_text(errors="replace")

    def connect(self) -> HttpConnection:
        return HttpConnection(self.port)

    def close(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait(5)

    def _wait_until_ready(self) -> None:
        end = time.monotonic() + 30
        while self._process.poll() is None and time.monotonic() < end:
            try:
                with self.connect() as connection:
                    connection.send(b"GET /ready HTTP/1.1\r\nHost: testserver\r\nConnection: close\r\n\r\n")
                    if connection.response().status == 200:
                        return
            except OSError:
                time.sleep(0.02)  # nobody listens there yet
        log = self.log
        self.close()
        raise RuntimeError(f"{self.kind.name} does not answer:\n{log}")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


@dataclass(frozen=True)
class RawResponse:
    """One response as it came over the wire."""

    status: int
    headers: dict[str, str]  # names in lower case
    body: bytes


class HttpConnection:
    """A connection on which requests are written byte by byte as given, and responses read one by one."""

    def __init__(self, port: int) -> None:
        self._sock = socket.create_connection(("127.0.0.1", port), timeout=15)
        self._reader = self._sock.makefile("rb")

    def send(self, data: bytes) -> None:
        self._sock.sendall(data)

    def post(self, path: str, body: bytes, content_type: str = "", *headers: str) -> RawResponse:
        """POST with a Content-Length."""
        lines = [f"POST {path} HTTP/1.1", "Host: testserver", f"Content-Length: {len(body)}", *headers]
        if content_type:
            lines.append(f"Content-Type: {content_type}")
        self.send("\r\n".join(lines).encode() + b"\r\n\r\n" + body)
        return self.response()

    def post_chunked(self, path: str, body: bytes, content_type: str, size: int) -> RawResponse:
        """POST in chunks of so many bytes."""
        self.send(
            f"POST {path} HTTP/1.1\r\nHost: testserver\r\nContent-Type: {content_type}\r\n"
            "Transfer-Encoding: chunked\r\n\r\n".encode()
        )
        for start in range(0, len(body), size):
            piece = body[start : start + size]
            self.send(b"%x\r\n%b\r\n" % (len(piece), piece))
        self.send(b"0\r\n\r\n")
        return self.response()

    def response(self, *, bodyless: bool = False) -> RawResponse:
        """The next response; `bodyless` is one to HEAD. OSError where the server has closed the connection."""
        line = self._reader.readline()
        while line.startswith(b"HTTP/1.1 100"):
            self._headers()
            line = self._reader.readline()
        if not line:
            raise ConnectionError("the server has closed the connection")
        status = int(line.split(b" ")[1])
        headers = self._headers()
        if bodyless or status in (101, 204, 304):
            return RawResponse(status, headers, b"")
        if headers.get("transfer-encoding") == "chunked":
            return RawResponse(status, headers, b"".join(iter(self._chunk, b"")))
        length = headers.get("content-length")
        return RawResponse(status, headers, self._reader.read(int(length)) if length else self._reader.read())

    def reset(self) -> None:
        """Hang up without a good-bye."""
        self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self.close()

    def close(self) -> None:
        self._reader.close()
        self._sock.close()

    def _headers(self) -> dict[str, str]:
        headers: dict[str, str] = {}
        while (line := self._reader.readline()) not in (b"\r\n", b""):
            name, _, value = line.decode("latin-1").partition(":")
            headers[name.lower()] = value.strip()
        return headers

    def _chunk(self) -> bytes:
        size = int(self._reader.readline().split(b";")[0], 16)
        data = self._reader.read(size)
        self._reader.readline()
        return data

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
