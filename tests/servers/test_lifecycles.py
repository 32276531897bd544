"""Servers that end, reload and fork while vendors are being asked: nobody loses a request or gets another's answer."""

from __future__ import annotations

import json
import signal
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import urlencode

import pytest
from support.faults import a_token, account_at, passes_all
from support.lifecycle_apps import CLOSED
from support.servers import RawResponse, RunningServer, ServerKind

from captcha_gate.testing.vendors.loopback import LoopbackServer

FORM = "application/x-www-form-urlencoded"
RULES = [{"name": "login", "match": "/login"}, {"name": "ready", "match": "/ready", "action": "allow"}]
IN_FLIGHT = 200
LEAVING = 20


@dataclass(frozen=True)
class EndingKind(ServerKind):
    """A server that ends in good order.

    Attributes:
        says: what it logs once it has been told to end; where it says nothing, it refuses connections from then on.

    """

    says: str = ""


def _uvicorn(name: str, options: str, workers: int = 1) -> EndingKind:
    command = f"-m uvicorn support.lifecycle_apps:asgi --host 127.0.0.1 --port {{port}} --http h11 {options}"
    return EndingKind(name, "asgi", command, ("uvicorn",), workers, says="Shutting down")


def _gunicorn(name: str, options: str, workers: int) -> EndingKind:
    command = f"-m gunicorn -b 127.0.0.1:{{port}} --graceful-timeout 15 -w {workers} -k gthread {options}"
    return EndingKind(
        name, "wsgi", command + " support.lifecycle_apps:wsgi", ("gunicorn",), workers, says="Handling signal: term"
    )


def _granian(interface: str) -> EndingKind:
    command = f"-m granian --interface {interface} --host 127.0.0.1 --port {{port}} --no-access-log "
    threads = f"--blocking-threads {IN_FLIGHT} " if interface == "wsgi" else ""
    command += f"{threads}support.lifecycle_apps:{interface}"
    return EndingKind(f"granian-{interface}", interface, command, ("granian",), says="Shutting down granian")


UVICORN = _uvicorn("uvicorn", "")
TWO_WORKERS = _uvicorn("uvicorn-2", "--workers 2", workers=2)
HYPERCORN = EndingKind(
    "hypercorn",
    "asgi",
    "-m hypercorn -w 0 -b 127.0.0.1:{port} --graceful-timeout 15 support.lifecycle_apps:asgi",
    ("hypercorn",),
)
GTHREAD = _gunicorn("gunicorn-gthread", f"--threads {IN_FLIGHT}", 2)
PRELOAD = _gunicorn("gunicorn-preload", f"--threads {IN_FLIGHT} --preload", 2)
ENDING = [UVICORN, TWO_WORKERS, HYPERCORN, _granian("asgi"), _granian("wsgi"), GTHREAD, PRELOAD]


class EndingServer(RunningServer):
    """A server that can be signalled."""

    def signal(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    def wait_until_ending(self) -> None:
        """Wait until it has noticed that it shall end."""
        end = time.monotonic() + 10
        while time.monotonic() < end:
            if self.kind.says and self.kind.says in self.log:
                return
            try:
                self.connect().close()
            except OSError:
                return
            time.sleep(0.02)  # nothing tells that a server has heard a signal
        raise TimeoutError(f"{self.kind.name} goes on:\n{self.log}")

    def exit_code(self) -> int:
        """Wait until it has ended by itself."""
        try:
            return self._process.wait(15)
        except subprocess.TimeoutExpired:
            raise TimeoutError(f"{self.kind.name} does not end:\n{self.log}") from None


class Vendor(LoopbackServer):
    """Answers nobody until it is told to."""

    def __init__(self) -> None:
        self.proceed = threading.Event()
        super().__init__(self._pass_in_time)

    def _pass_in_time(self, connection, request) -> None:
        self.proceed.wait(30)
        passes_all(connection, request)


@pytest.fixture
def vendor():
    with Vendor() as server:
        yield server
        server.proceed.set()


@contextmanager
def running(kind, vendor, folder):
    if kind.missing:
        pytest.skip(f"not installed: {', '.join(kind.missing)}")
    policy = folder / "policy.yaml"
    providers = {"cn": account_at(vendor.url, timeout="20s")}
    policy.write_text(json.dumps({"version": 1, "providers": providers, "rules": RULES}))  # JSON is YAML
    with EndingServer(kind, policy, folder / "log") as server:
        yield server


def log_in(server: RunningServer, token: dict[str, str]) -> RawResponse:
    with server.connect() as connection:
        return connection.post("/login", urlencode(token).encode(), FORM, "Connection: close")


def is_its_own(response: RawResponse, token: dict[str, str]) -> bool:
    """Whether it is the application's, with what the vendor said of this token."""
    return response.status == 200 and json.loads(response.body)["told"] == {"used_type": token["lot_number"][:8]}


@pytest.mark.parametrize("kind", ENDING, ids=lambda kind: kind.name)
def test_a_server_that_is_told_to_end_first_answers_whoever_waits_for_a_vendor(kind, vendor, tmp_path):
    tokens = [a_token() for _ in range(IN_FLIGHT)]
    with running(kind, vendor, tmp_path) as server, ThreadPoolExecutor(IN_FLIGHT) as pool:
        answers = [pool.submit(log_in, server, token) for token in tokens]
        vendor.wait_for_requests(IN_FLIGHT)
        server.signal(signal.SIGTERM)
        server.wait_until_ending()
        assert not any(answer.done() for answer in answers)
        vendor.proceed.set()
        assert all(is_its_own(answer.result(20), token) for answer, token in zip(answers, tokens, strict=True))
        assert server.exit_code() in (0, -signal.SIGTERM)
        vendor.wait_until_left()
        assert "Traceback" not in server.log
        if kind.interface == "asgi":  # WSGI knows no end of an application
            assert server.log.count(CLOSED) == kind.workers


def test_a_reload_under_traffic_loses_no_request_and_mixes_up_no_answers(vendor, tmp_path):
    vendor.proceed.set()
    with running(GTHREAD, vendor, tmp_path) as server:
        before = processes_behind(server)

        def client() -> set[int]:
            pids: list[int] = []
            while not pids or set(pids[-5:]) & before:  # until the old ones have gone
                assert len(pids) < 3000, f"it does not reload:\n{server.log}"
                token = a_token()
                response = log_in(server, token)
                assert is_its_own(response, token)
                pids.append(json.loads(response.body)["pid"])
            return set(pids)

        with ThreadPoolExecutor(8) as pool:
            clients = [pool.submit(client) for _ in range(8)]
            vendor.wait_for_requests(50)
            server.signal(signal.SIGHUP)
            served = set().union(*(each.result(60) for each in clients))
        assert served & before
        assert served - before
        assert "Traceback" not in server.log


def processes_behind(server: RunningServer) -> set[int]:
    """The processes of all workers, once each has answered."""
    found: set[int] = set()
    end = time.monotonic() + 15
    while len(found) < server.kind.workers and time.monotonic() < end:
        with ThreadPoolExecutor(8) as pool:
            found |= {json.loads(answer.body)["pid"] for answer in pool.map(lambda _: ready(server), range(16))}
    assert len(found) == server.kind.workers
    return found


def ready(server: RunningServer) -> RawResponse:
    with server.connect() as connection:
        return connection.post("/ready", b"", FORM, "Connection: close")


USED_BEFORE_EACH_FORK = """
import io
from support.faults import a_token
from support.flood import flood

class Parent:
    kind = "wsgi"

def pre_fork(server, worker):
    parent = Parent()
    parent.gate = server.app.callable
    assert flood(parent, [a_token()]) == [200]  # a connection to the vendor is open now
"""


def test_a_gate_that_was_used_before_its_workers_were_forked_mixes_up_none_of_four_hundred_answers(vendor, tmp_path):
    vendor.proceed.set()
    (tmp_path / "gunicorn.conf.py").write_text(USED_BEFORE_EACH_FORK)
    kind = _gunicorn("gunicorn-used", f"--threads 4 --preload -c {tmp_path}/gunicorn.conf.py", 4)
    with running(kind, vendor, tmp_path) as server:
        processes_behind(server)
        assert len(vendor.received) == 4  # the parent's

        def client(_: int) -> set[int]:
            pids = set()
            for _ in range(50):
                token = a_token()
                response = log_in(server, token)
                assert is_its_own(response, token)
                pids.add(json.loads(response.body)["pid"])
            return pids

        with ThreadPoolExecutor(8) as pool:
            assert len(set().union(*pool.map(client, range(8)))) == 4
        assert len(vendor.received) == 404
        assert "Traceback" not in server.log


@pytest.mark.parametrize("kind", ENDING, ids=lambda kind: kind.name)
@pytest.mark.parametrize("leave", ["reset", "close"])
def test_clients_that_leave_while_a_vendor_is_asked_bother_nobody(kind, vendor, tmp_path, leave):
    with running(kind, vendor, tmp_path) as server:
        connections = [server.connect() for _ in range(LEAVING)]
        for connection in connections:
            body = urlencode(a_token()).encode()
            connection.send(
                f"POST /login HTTP/1.1\r\nHost: testserver\r\nContent-Type: {FORM}\r\n"
                f"Content-Length: {len(body)}\r\n\r\n".encode()
                + body
            )
        vendor.wait_for_requests(LEAVING)
        for connection in connections:
            getattr(connection, leave)()
        vendor.proceed.set()
        tokens = [a_token() for _ in range(4 * LEAVING)]
        with ThreadPoolExecutor(4) as pool:
            answers = list(pool.map(lambda token: log_in(server, token), tokens))
        assert all(is_its_own(answer, token) for answer, token in zip(answers, tokens, strict=True))
        assert "Traceback" not in server.log
