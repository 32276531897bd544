"""The demo served on loopback, and a Chromium to look at it. Skips where there is no browser."""

from __future__ import annotations

import re
import shutil
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("starlette", reason="the extra `demo` is not installed")
uvicorn = pytest.importorskip("uvicorn", reason="the extra `demo` is not installed")

from captcha_gate import Decision  # noqa: E402
from captcha_gate.demo.app import open_demo  # noqa: E402
from captcha_gate.demo.sites import SITES, Site  # noqa: E402

CHROMIUM = ("/usr/bin/chromium", "chromium", "chromium-browser", "google-chrome")
#: Chromium's own remark on every refusal, whatever the page does.
REFUSAL = re.compile(r"Failed to load resource: the server responded with a status of (403|503) \(.*\)")
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@dataclass
class Demo:
    """A running demo: where it is, with which provider, and what its gate decided."""

    url: str
    site: Site
    decisions: list[Decision] = field(default_factory=list)

    @property
    def last(self) -> tuple[str, str]:
        """Outcome and reason of the latest decision."""
        return self.decisions[-1].outcome.value, self.decisions[-1].reason.value


@contextmanager
def serve(site: Site) -> Iterator[Demo]:
    """The demo on a free port."""
    decisions: list[Decision] = []
    with socket.create_server(("127.0.0.1", 0)) as listener, open_demo(site, decisions.append) as app:
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning", ws="none", timeout_graceful_shutdown=1))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            yield Demo(f"http://127.0.0.1:{listener.getsockname()[1]}/", site, decisions)
        finally:
            server.should_exit = True
            thread.join()


@pytest.fixture(scope="module")
def served() -> Iterator[Demo]:
    """The demo with the proof of work, for the tests of one module."""
    with serve(SITES["altcha"]) as demo:
        yield demo


@pytest.fixture(params=[site.type for site in SITES.values() if site.vendor])
def played(request: pytest.FixtureRequest) -> Iterator[Demo]:
    """The demo with each vendor that a stand-in plays, for one test: its gate has no answer of the vendor in mind."""
    with serve(SITES[request.param]) as demo:
        yield demo


@pytest.fixture
def demo(served: Demo) -> Demo:
    """The running demo, with no decision yet."""
    served.decisions.clear()
    return served


@pytest.fixture(scope="session")
def artifacts() -> Path:
    """Where screenshots go."""
    folder = Path(__file__).parents[2] / "test-artifacts"
    folder.mkdir(exist_ok=True)
    return folder


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """A Chromium that keeps left pages for Back, as the ones that people use do."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    found = next((path for name in CHROMIUM if (path := shutil.which(name))), None)
    if found is None:
        pytest.skip("Chromium is not installed")
    with playwright.sync_playwright() as running:
        chromium = running.chromium.launch(
            executable_path=found, args=ARGUMENTS, ignore_default_args=["--disable-back-forward-cache"]
        )
        yield chromium
        chromium.close()


@pytest.fixture
def page(browser: Any, request: pytest.FixtureRequest) -> Iterator[Any]:
    """A page that must end without a violation of the Content-Security-Policy, an error or a warning."""
    if "played" in request.fixturenames:
        request.getfixturevalue("played")  # before the page, to go after it: else what it still loads is refused
    context = browser.new_context(viewport={"width": 1280, "height": 860})
    page, said = context.new_page(), []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    yield page
    context.close()
    assert [line for line in said if not REFUSAL.fullmatch(line)] == []
