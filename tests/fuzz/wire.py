"""Requests as servers hand them to applications, made from what a client wrote. Refuses and corrects nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from io import BytesIO
from typing import Any
from urllib.parse import unquote, unquote_to_bytes

__all__ = ["Sent", "ask_asgi", "ask_wsgi"]

Headers = Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Sent:
    """One request as a client wrote it.

    Attributes:
        target: of the request line, its query included.
        mount: the prefix at which the server says that the application is mounted.
        tells: the server tells the path's bytes as they were sent (ASGI's `raw_path`).
        prefixes: the server leaves the mount point in ASGI's `path`, as the specification has it.
        chunks: the body in the pieces in which it arrives.
    """

    method: str = "POST"
    target: str = "/login"
    headers: Headers = ()
    chunks: Sequence[bytes] = ()
    mount: str = ""
    tells: bool = True
    prefixes: bool = True
    announced: bool = True  # by a Content-Length; else chunked

    @property
    def split(self) -> tuple[str, str]:
        path, _, query = self.target.partition("?")
        return path, query

    @property
    def length(self) -> int:
        return sum(map(len, self.chunks))

    @property
    def all_headers(self) -> list[tuple[str, str]]:
        framing = ("content-length", str(self.length)) if self.announced else ("transfer-encoding", "chunked")
        return [("host", "testserver"), *([framing] if self.chunks else []), *self.headers]


def scope_of(sent: Sent) -> dict[str, Any]:
    path, query = sent.split
    prefix = sent.mount if sent.prefixes else ""
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": sent.method,
        "scheme": "http",
        "path": prefix + unquote(path, errors="replace"),
        "raw_path": (prefix + path).encode() if sent.tells else None,
        "query_string": query.encode(),
        "root_path": sent.mount,
        "headers": [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in sent.all_headers],
        "client": ("203.0.113.5", 1234),
        "server": ("testserver", 80),
        "state": {},
    }


def environ_of(sent: Sent) -> dict[str, Any]:
    path, query = sent.split
    environ: dict[str, Any] = {
        "REQUEST_METHOD": sent.method,
        "SCRIPT_NAME": sent.mount,
        "PATH_INFO": unquote_to_bytes(path).decode("latin-1"),
        "QUERY_STRING": query.encode().decode("latin-1"),
        "SERVER_NAME": "testserver",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "203.0.113.5",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": BytesIO(b"".join(sent.chunks)),
        "wsgi.input_terminated": not sent.announced,
        "wsgi.errors": _Nowhere(),
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    for name, value in sent.all_headers:
        key = name.upper().replace("-", "_")
        key = key if key in ("CONTENT_TYPE", "CONTENT_LENGTH") else "HTTP_" + key
        # As servers join what was sent twice.
        environ[key] = f"{environ[key]},{value}" if key in environ else value
    return environ


def ask_asgi(app: Any, sent: Sent) -> int:
    """Send a request to an ASGI application; the status of its answer, 0 where it gave none."""
    return _runner().run(_exchange(app, sent))


async def _exchange(app: Any, sent: Sent) -> int:
    pieces = list(sent.chunks) or [b""]
    messages = [
        {"type": "http.request", "body": piece, "more_body": number < len(pieces)}
        for number, piece in enumerate(pieces, 1)
    ]
    statuses = [0]

    async def receive() -> dict[str, Any]:
        if not messages:
            await asyncio.Event().wait()  # the client waits for its answer
        return messages.pop(0)

    async def send(message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            statuses.append(message["status"])

    await app(scope_of(sent), receive, send)
    return statuses[-1]


def ask_wsgi(app: Any, sent: Sent) -> int:
    """Send a request to a WSGI application; the status of its answer."""
    statuses: list[str] = []

    def start_response(status: str, headers: Any, exc_info: Any = None) -> Any:
        statuses.append(status)
        return lambda data: None

    answer: Iterable[bytes] = app(environ_of(sent), start_response)
    try:
        b"".join(answer)
    finally:
        if hasattr(answer, "close"):
            answer.close()
    return int(statuses[-1].split()[0])


class _Nowhere:
    def write(self, text: str) -> int:
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        pass

    def flush(self) -> None:
        pass


@cache
def _runner() -> asyncio.Runner:
    """One event loop for all requests: making one costs more than a request."""
    return asyncio.Runner()
