"""One verification after the other through the WSGI gate, against the calls that a view would make itself."""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from typing import Any

import httpx

from benchmarks.apps import view, wsgi_app
from benchmarks.measure import Row, fastest, micro
from benchmarks.subjects import login_policy, token
from benchmarks.vendor import vendor
from captcha_gate.wsgi import CaptchaGate

__all__ = ["rows"]

_REQUESTS = 300
_ROUNDS = 7


def rows() -> Iterator[Row]:
    """Ratios to a bare `httpx.Client` call, and to what people write who have no gate."""
    with (
        vendor() as base_url,
        closing(CaptchaGate(wsgi_app, login_policy(base_url))) as gate,
        httpx.Client() as client,
    ):
        url = f"{base_url}/validate?captcha_id=x"
        subjects = {
            "gate": partial(_through, gate),
            "httpx": partial(_bare, client, url),
            "view": partial(_through, view(url)),
        }
        took = fastest({name: _timed(once) for name, once in subjects.items()}, _ROUNDS)
    yield Row(
        "one verified request, WSGI",
        micro(took["gate"]),
        f"bare httpx.Client call {micro(took['httpx'])}",
        took["gate"] / took["httpx"],
        "≤ 1.10",
    )
    view_takes = f"a view of Flask's with requests.post {micro(took['view'])}"
    yield Row("one verified request, WSGI", micro(took["gate"]), view_takes, took["gate"] / took["view"])


def _timed(once: Callable[[], None]) -> Callable[[], float]:
    def seconds() -> float:
        begin = time.perf_counter()
        for _ in range(_REQUESTS):
            once()
        return (time.perf_counter() - begin) / _REQUESTS

    return seconds


def _bare(client: httpx.Client, url: str) -> None:
    client.post(url, data=token()).json()


def _through(gate: Any) -> None:
    environ = {
        "REQUEST_METHOD": "POST",
        "PATH_INFO": "/login",
        "QUERY_STRING": "",
        "SERVER_NAME": "example.com",
        "SERVER_PORT": "80",
        "wsgi.url_scheme": "http",
        "REMOTE_ADDR": "127.0.0.1",
        "wsgi.input": io.BytesIO(),
        **{f"HTTP_X_CAPTCHA_{name.upper()}": value for name, value in token().items()},
    }
    statuses: list[str] = []
    b"".join(gate(environ, lambda status, *_: statuses.append(status)))
    if statuses != ["200 OK"]:
        raise RuntimeError(f"answered {statuses}")
