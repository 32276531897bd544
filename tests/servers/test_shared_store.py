"""Servers with several worker processes and one Redis: a token that everybody uses at once passes once."""

from __future__ import annotations

import json
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from urllib.parse import urlencode

import altcha
import pytest
from support.faults import a_token, account_at, passes_all
from support.redis_server import redis_server_or_skip
from support.servers import RunningServer, ServerKind
from support.world import ALTCHA

from captcha_gate.testing.vendors.loopback import LoopbackServer

FORM = "application/x-www-form-urlencoded"
GUNICORN = ServerKind(
    "gunicorn-4",
    "wsgi",
    "-m gunicorn -b 127.0.0.1:{port} --log-level warning --graceful-timeout 2 -w 4 -k gthread --threads 4"
    " support.apps:wsgi",
    ("gunicorn",),
    workers=4,
)
UVICORN = ServerKind(
    "uvicorn-2",
    "asgi",
    "-m uvicorn support.apps:asgi --host 127.0.0.1 --port {port} --log-level warning --workers 2",
    ("uvicorn",),
    workers=2,
)


@pytest.fixture
def vendor():
    """A vendor that passes every token, however often: only the gate can tell."""
    with LoopbackServer(passes_all) as server:
        yield server


@pytest.fixture
def redis_server(tmp_path):
    with redis_server_or_skip(tmp_path) as server:
        yield server


@contextmanager
def running(kind, folder, **policy):
    if kind.missing:
        pytest.skip(f"not installed: {', '.join(kind.missing)}")
    file = folder / "policy.yaml"
    rules = [{"name": "login", "match": "/login"}, {"name": "ready", "match": "/ready", "action": "allow"}]
    file.write_text(json.dumps({"version": 1, "rules": rules, **policy}))  # JSON is YAML
    with RunningServer(kind, file, folder / "server.log") as server:
        yield server


def at_once(server, bodies, path="/login"):
    """POST all, from 50 clients that start together. The statuses, and the processes of those that were forwarded."""
    start = threading.Barrier(50)

    def client(number):
        answers = []
        start.wait(10)
        for body in bodies[number::50]:
            with server.connect() as connection:
                answers.append(connection.post(path, urlencode(body).encode(), FORM))
        return answers

    with ThreadPoolExecutor(50) as pool:
        answers = [answer for each in pool.map(client, range(50)) for answer in each]
    processes = {json.loads(answer.body)["pid"] for answer in answers if answer.status == 200}
    return Counter(answer.status for answer in answers), len(processes)


def test_of_two_hundred_uses_of_a_token_under_gunicorn_one_passes(redis_server, vendor, tmp_path):
    with running(GUNICORN, tmp_path, store=redis_server.url, providers={"cn": account_at(vendor.url)}) as server:
        # The others may start later than the first answers.
        assert any(at_once(server, [{}] * 100, "/ready")[1] > 1 for _ in range(50))
        statuses, _ = at_once(server, [a_token() for _ in range(200)])
        assert statuses == {200: 200}
        asked = len(vendor.received)
        assert at_once(server, [a_token()] * 200) == ({200: 1, 403: 199}, 1)
        assert len(vendor.received) == asked + 1
        assert "Traceback" not in server.log


def solved(server):
    with server.connect() as connection:
        connection.send(b"GET /captcha-gate/pow/challenge HTTP/1.1\r\nHost: testserver\r\n\r\n")
        challenge = altcha.Challenge.from_dict(json.loads(connection.response().body))
    return {"altcha": altcha.Payload(challenge, altcha.solve_challenge(challenge)).to_base64()}


def test_of_two_hundred_uses_of_a_proof_of_work_under_uvicorn_one_passes(redis_server, tmp_path):
    with running(UVICORN, tmp_path, store=redis_server.url, providers={"pow": ALTCHA}) as server:
        # The second may start later than the first answers.
        assert any(at_once(server, [{}] * 100, "/ready") == ({200: 100}, 2) for _ in range(50))
        for _ in range(3):
            assert at_once(server, [solved(server)] * 200) == ({200: 1, 403: 199}, 1)
        assert "Traceback" not in server.log
