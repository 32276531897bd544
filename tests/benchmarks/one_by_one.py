"""One verification after the other through the WSGI gate, against the calls that a view would make itself."""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from typing import Any

import httpx

from benchmarks.measure import Row, fastest, micro
from benchmarks.subjects import login_policy, token
from benchmarks.vendor import vendor
from captcha_gate.wsgi import CaptchaGate

__all__ = ["rows"]

_REQUESTS = 300
_ROUNDS = 7


def rows() -> Iterator[Row]:
    """The ratio to a bare `httpx.Client` call."""
    with (
        vendor() as base_url,
        closing(CaptchaGate(_app, login_policy(base_url))) as gate,
        httpx.Client() as client,
    ):
        url = f"{base_url}/validate?captcha_id=x"
        took = fastest({"gate": _timed(partial(_through, gate)), "httpx": _timed(partial(_bare, client, url))}, _ROUNDS)
    yield Row(
        "one verified request, WSGI",
        micro(took["gate"]),
        f"bare httpx.Client call {micro(took['httpx'])}",
        took["gate"] / took["httpx"],
        "≤ 1.10",
    )


def _timed(once: Callable[[], None]) -> Callable[[], float]:
    def seconds() -> float:
        begin = time.perf_counter()
        for _ in range(_REQUESTS):
            once()
        return (time.perf_counter() - begin) / _REQUESTS

    return seconds


def _bare(client: httpx.Client, url: str) -> None:
    client.post(url, data=token()).json()


def _through(gate: CaptchaGate) -> None:
    environ = {
        "REQUEST_METHOD": "POST",
        "PATH_INFO": "/login",
        "QUERY_STRING": "",
        "REMOTE_ADDR": "127.0.0.1",
        "wsgi.input": io.BytesIO(),
        **{f"HTTP_X_CAPTCHA_{name.upper()}": value for name, value in token().items()},
    }
    statuses: list[str] = []
    gate(environ, lambda status, *_: statuses.append(status))
    if statuses != ["200 OK"]:
        raise RuntimeError(f"answered {statuses}")


def _app(_: Any, start_response: Any) -> list[bytes]:
    start_response("200 OK", [])
    return [b"ok"]
