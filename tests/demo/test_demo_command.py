"""`captcha-gate demo`: how it begins, what it prints, how it ends."""

from __future__ import annotations

import argparse
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator

import httpx
import pytest

from captcha_gate.cli import demo
from captcha_gate.demo.sites import SITES


def run(*arguments: str) -> int:
    parser = argparse.ArgumentParser()
    demo.add_parser(parser.add_subparsers())
    chosen = parser.parse_args(["demo", *arguments])
    return int(chosen.run(chosen))


@pytest.fixture
def running(request: pytest.FixtureRequest) -> Iterator[subprocess.Popen[str]]:
    """The command, with the arguments that the test is parametrized with, if it is."""
    command = [sys.executable, "-m", "captcha_gate", "demo", "--port", "0", *getattr(request, "param", ())]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        yield process
        process.kill()


def url_in(line: str) -> str:
    found = re.search(r"http://127\.0\.0\.1:[0-9]+/", line)
    assert found, line
    return found[0]


def test_it_prints_a_line_per_decision_and_ends_with_control_c(running: subprocess.Popen[str]) -> None:
    assert running.stdout is not None
    assert httpx.post(f"{url_in(running.stdout.readline())}login", data={"username": "ada"}).status_code == 403
    line = running.stdout.readline()
    assert re.fullmatch(
        r"\d\d:\d\d:\d\d  refused +missing +missing_token +rule=login provider=pow verified=no score=-\n", line
    )
    running.send_signal(signal.SIGINT)
    assert running.wait(timeout=10) == 0
    assert running.stdout.read().strip() == ""


@pytest.mark.parametrize(
    ("running", "title"),
    [(["--provider", site.type], site.title) for site in SITES.values() if site.vendor],
    indirect=["running"],
)
def test_a_vendor_is_played_until_control_c(running: subprocess.Popen[str], title: str) -> None:
    assert running.stdout is not None
    first = running.stdout.readline()
    assert first.rstrip().endswith(f", {title} played by a stand-in  (Ctrl-C ends it)")
    url = url_in(first)
    assert title in httpx.get(url).text
    assert httpx.post(f"{url}stand-in/outage", json={"down": True}).json() == {"down": True}
    running.send_signal(signal.SIGINT)
    assert running.wait(timeout=10) == 0
    assert running.stdout.read().strip() == ""


def test_an_unknown_provider_is_wrong_usage_and_the_known_are_named(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        run("--provider", "turnstile")
    assert end.value.code == 2
    said = capsys.readouterr().err
    assert "'turnstile'" in said
    assert all(type_ in said for type_ in SITES)


def test_a_taken_port_is_one_line_and_exit_code_1(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert run("--port", str(port)) == 1
    assert capsys.readouterr().err == (
        f"captcha-gate demo: cannot listen on 127.0.0.1 port {port}: Address already in use\n"
    )


@pytest.mark.parametrize("missing", ["starlette", "uvicorn"])
def test_a_missing_extra_is_one_line_that_names_it(
    missing: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in [name for name in sys.modules if name.split(".")[0] == missing]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.delitem(sys.modules, "captcha_gate.demo.app", raising=False)
    monkeypatch.setattr(sys, "meta_path", [Without(missing), *sys.meta_path])
    assert run("--port", "0") == 1
    assert capsys.readouterr().err == (
        "captcha-gate demo: the demo needs two more packages: pip install 'captcha_gate[demo]'\n"
    )


@pytest.mark.parametrize("port", ["65536", "-1", "http", ""])
def test_what_is_no_port_is_wrong_usage(port: str) -> None:
    with pytest.raises(SystemExit) as end:
        run(f"--port={port}")
    assert end.value.code == 2


class Without:
    """A finder that knows of one package that it is not installed."""

    def __init__(self, name: str) -> None:
        self.name = name

    def find_spec(self, name: str, path: object = None, target: object = None) -> None:
        if name.split(".", maxsplit=1)[0] == self.name:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
