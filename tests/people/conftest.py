"""A Chromium in front of a site behind the gate, and what it said. Holds no fact."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("starlette", reason="the extra `demo` is not installed")
pytest.importorskip("uvicorn", reason="the extra `demo` is not installed")

from people.site import Site, serve

CHROMIUM = ("/usr/bin/chromium", "chromium", "chromium-browser", "google-chrome")
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
#: Chromium's own remarks: on refusals, and on scripts that a test blocks.
REMARK = re.compile(r"Failed to load resource: .*")
PACKAGES = Path(__file__).parent / "node_modules"


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
def opened(browser: Any) -> Iterator[Callable[..., Any]]:
    """`opened(**options of the context)`: a page that must end without an error or a violation of its policy."""
    with ExitStack() as contexts:
        said: list[str] = []

        def new(**options: Any) -> Any:
            context = browser.new_context(**{"viewport": {"width": 1280, "height": 860}, **options})
            contexts.callback(context.close)
            page = context.new_page()
            page.set_default_timeout(8000)
            page.on("pageerror", lambda error: said.append(str(error)))
            page.on("console", lambda message: said.append(message.text) if message.type == "error" else None)
            page.add_init_script("""addEventListener("securitypolicyviolation", (event) =>
                console.error(`CSP: ${event.violatedDirective} ${event.blockedURI}`))""")
            return page

        yield new
    assert [line for line in said if not REMARK.fullmatch(line)] == []


@pytest.fixture
def page(opened: Callable[..., Any]) -> Any:
    return opened()


@pytest.fixture
def site() -> Iterator[Callable[..., Site]]:
    """`site(providers, **further keys of its rules)`: a site that asks for these, for one test."""
    with ExitStack() as running:

        def start(providers: dict[str, Any], **rule: Any) -> Site:
            return running.enter_context(serve(providers, **rule))

        yield start


@pytest.fixture(scope="session")
def artifacts() -> Path:
    """Where screenshots go."""
    folder = Path(__file__).parents[2] / "test-artifacts"
    folder.mkdir(exist_ok=True)
    return folder


@pytest.fixture(scope="session")
def packages() -> Path:
    """What npm has installed for the tests."""
    if not PACKAGES.is_dir():
        pytest.skip("npm's packages are not installed: make tests/people/node_modules")
    return PACKAGES
