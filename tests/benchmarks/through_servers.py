"""Requests through real servers on loopback, with the gate, without it, and with what is written by hand."""

from __future__ import annotations

import asyncio
import json
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

from support.servers import RunningServer, ServerKind

from benchmarks.measure import Row, afastest, per_second
from benchmarks.subjects import login, token
from benchmarks.vendor import vendor

__all__ = ["rows"]

_CONNECTIONS = 32
_REQUESTS = 1_600
_ROUNDS = 9
_HOST = "Host: example.com\r\nUser-Agent: x\r\nAccept: */*\r\nCookie: a=b\r\n"
_SERVERS = {
    "uvicorn": ("asgi", "-m uvicorn {app} --host 127.0.0.1 --port {{port}} --log-level warning --http httptools"),
    "granian": ("asgi", "-m granian --interface asgi --host 127.0.0.1 --port {{port}} --no-access-log {app}"),
    "gunicorn": ("wsgi", "-m gunicorn -b 127.0.0.1:{{port}} --log-level warning -k gthread --threads 32 {app}"),
}


def rows() -> Iterator[Row]:
    """Ratios to the same server without a gate, and to an endpoint that asks the vendor itself."""
    with vendor() as base_url, tempfile.TemporaryDirectory() as folder:
        policy = Path(folder) / "policy.json"
        policy.write_text(json.dumps(login(base_url)), encoding="utf-8")
        for server, (interface, command) in _SERVERS.items():
            yield from _through(server, interface, command, policy)


def _through(server: str, interface: str, command: str, policy: Path) -> Iterator[Row]:
    with ExitStack() as stack:
        ports = {}
        for name in ("bare", "gated", "by_hand"):
            kind = ServerKind(server, interface, command.format(app=f"benchmarks.apps:{interface}_{name}"), ())
            place = policy.parent / f"{server}-{name}"
            place.mkdir()
            ports[name] = stack.enter_context(RunningServer(kind, policy, place / "log")).port
        subjects = {
            "bare": _timed(ports["bare"], _get),
            "gated": _timed(ports["gated"], _get),
            "verified": _timed(ports["gated"], _post),
            "by hand": _timed(ports["by_hand"], _post),
        }
        took = asyncio.run(afastest(subjects, _ROUNDS))
    without = f"without a gate {per_second(took['bare'])}"
    yield Row(f"through {server}: GET", per_second(took["gated"]), without, took["bare"] / took["gated"])
    by_hand = "a view of Flask's with requests.post" if interface == "wsgi" else "an endpoint with httpx.AsyncClient"
    peer = f"{by_hand} {per_second(took['by hand'])}"
    yield Row(f"through {server}: verified", per_second(took["verified"]), peer, took["by hand"] / took["verified"])


def _timed(port: int, make: Callable[[], bytes]) -> Callable[[], Awaitable[float]]:
    async def seconds() -> float:
        begin = time.perf_counter()
        await asyncio.gather(*(_one_after_another(port, make) for _ in range(_CONNECTIONS)))
        return (time.perf_counter() - begin) / (_REQUESTS // _CONNECTIONS * _CONNECTIONS)

    return seconds


async def _one_after_another(port: int, make: Callable[[], bytes]) -> None:
    """Send this connection's share of the requests, each after the answer to the one before.

    Raises:
        RuntimeError: an answer was not 200, and what was measured is something else than was meant.
    """
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for _ in range(_REQUESTS // _CONNECTIONS):
        writer.write(make())
        head = await reader.readuntil(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 200"):
            raise RuntimeError(f"answered {head[:40]!r}")
        length = head.lower().split(b"content-length:", 1)[1].split(b"\r\n", 1)[0]
        await reader.readexactly(int(length))
    writer.close()
    await writer.wait_closed()


def _get() -> bytes:
    return f"GET /static/app.js HTTP/1.1\r\n{_HOST}\r\n".encode()


def _post() -> bytes:
    fields = "".join(f"X-Captcha-{name.replace('_', '-')}: {value}\r\n" for name, value in token().items())
    return f"POST /login HTTP/1.1\r\n{_HOST}Content-Length: 0\r\n{fields}\r\n".encode()
