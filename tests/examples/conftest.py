"""A Chromium, the examples behind their pages, and a person who solves CAPTCHAs at the stand-ins of the vendors."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("tornado", reason="not everything that the examples need is installed")
pytest.importorskip("uvicorn", reason="not everything that the examples need is installed")

from support.scripts.serve import serving

from captcha_gate.testing.vendors import GeetestV3, GeetestV4, Vaptcha, VaptchaV4, Yunpian

VENDORS = Path(__file__).parents[2] / "examples" / "vendors"
SCRIPTS = Path(__file__).parents[1] / "support" / "scripts"
CHROMIUM = ("/usr/bin/chromium", "chromium", "chromium-browser", "google-chrome")
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
#: Chromium's own remark on every refusal and on every script that does not come.
REMARK = "Failed to load resource"


@dataclass(frozen=True)
class System:
    """One vendor's system, as an example uses it."""

    name: str  #: of the page, and of the stand-in of the vendor's script
    vendor: Any
    file: Path
    script: str  #: where the page loads it from
    account: dict[str, Any] = field(default_factory=dict)
    provider: str = "geetest"
    path: str = ""  #: where the example serves the page


SYSTEMS = {
    system.name: system
    for system in (
        System(
            "geetest-v3",
            GeetestV3,
            VENDORS / "flask_geetest_v3.py",
            "https://static.geetest.com/static/js/gt.0.4.9.js",
            {"challenge_path": "/pc-geetest/register"},
        ),
        System("geetest-v4", GeetestV4, VENDORS / "django_geetest_v4.py", "https://static.geetest.com/v4/gt4.js"),
        System(
            "yunpian",
            Yunpian,
            VENDORS / "tornado_yunpian.py",
            "https://www.yunpian.com/static/official/js/libs/riddler-sdk-0.2.2.js",
            {"fields": {"token": "captcha_token", "authenticate": "captcha_authenticate"}},
            "yunpian",
        ),
        System(
            "vaptcha", Vaptcha, VENDORS / "fastapi_vaptcha.py", "https://v-cn.vaptcha.com/v3.js", provider="vaptcha"
        ),
        System(
            "vaptcha-v4",
            VaptchaV4,
            VENDORS / "fastapi_vaptcha_v4.py",
            "https://c4.vaptcha.com/src/v4.js",
            provider="vaptcha",
        ),
        System(
            "vaptcha-webview",
            Vaptcha,
            VENDORS / "fastapi_vaptcha.py",
            "https://v-cn.vaptcha.com/v3.js",
            provider="vaptcha",
            path="captcha",
        ),
    )
}


@dataclass
class Site:
    """An example that runs, and the vendor that its gate asks."""

    system: System
    url: str
    vendor: Any

    @property
    def page(self) -> str:
        """Where its page is."""
        return self.url + self.system.path


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """A Chromium that keeps left pages for Back, as the ones that people use do.

    For a module and no longer: while Playwright runs, its event loop does, and no other test can run one of its own.
    """
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


@pytest.fixture(scope="session")
def sites(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """`sites(name)`: the example of that system, started when it is first asked for."""
    with ExitStack() as running:
        started: dict[str, Site] = {}

        def site(name: str) -> Site:
            if name not in started:
                system = SYSTEMS[name]
                vendor = running.enter_context(system.vendor())
                policy = tmp_path_factory.mktemp(name) / "policy.yaml"
                account = {system.provider: vendor.account(**system.account)}
                rules = [{"name": "login", "match": "/login"}]
                # JSON is YAML.
                policy.write_text(json.dumps({"version": 1, "providers": account, "rules": rules}))
                serves = serving(system.file, {"CAPTCHA_POLICY": str(policy)})
                started[name] = Site(system, running.enter_context(serves), vendor)
            started[name].vendor.recovers()
            return started[name]

        yield site


@pytest.fixture(scope="session")
def artifacts() -> Path:
    """Where screenshots go."""
    folder = Path(__file__).parents[2] / "test-artifacts"
    folder.mkdir(exist_ok=True)
    return folder


@dataclass
class Person:
    """Somebody in front of the page, and what their try at the CAPTCHA comes to.

    Attributes:
        passes: how the next tries turn out; `None`: they give up.
        tries: what the vendor's script said of each.
        posted: the requests to /login that the browser sent.
    """

    site: Site
    page: Any
    passes: bool | None = True
    tries: list[dict[str, Any]] = field(default_factory=list)
    posted: list[Any] = field(default_factory=list)

    def answer(self, told: dict[str, Any]) -> dict[str, str] | None:
        """What the vendor's script gets for a try."""
        self.tries.append(told)
        if self.passes is None:
            return None
        if told.get("offline"):
            return self.site.vendor.offline_answer(told["challenge"])
        challenge = [told["challenge"]] if "challenge" in told else []
        return self.site.vendor.solve(*challenge, passes=self.passes)

    def opens(self, query: str = "") -> None:
        self.page.goto(self.site.page + query)

    def fills(self) -> None:
        self.page.get_by_label("User name").fill("ada")
        self.page.get_by_label("Password").fill("correct horse")

    def solves(self, *, passes: bool = True) -> None:
        self.passes = passes
        if self.site.system.name != "vaptcha-v4":  # which is solved when the form is sent
            self.page.get_by_role("button", name="Solve", exact=True).click()
            self.page.get_by_role("button", name="Solved", exact=True).wait_for()

    def sends(self) -> None:
        self.page.get_by_role("button", name="Log in", exact=True).click()

    def hears(self, text: str) -> None:
        self.page.get_by_role("status").get_by_text(text).wait_for()

    def has_typed(self) -> list[str]:
        return [self.page.get_by_label(label).input_value() for label in ("User name", "Password")]


@pytest.fixture
def visit(browser: Any, sites: Any) -> Iterator[Any]:
    """`visit(name)`: a person whose page must end without an error, or a violation of the CSP that it names itself."""
    with ExitStack() as contexts:
        said: list[str] = []

        def begin(name: str, width: int = 1280, scheme: str = "light") -> Person:
            site = sites(name)
            context = browser.new_context(viewport={"width": width, "height": 860}, color_scheme=scheme)
            contexts.callback(context.close)
            page = context.new_page()
            page.set_default_timeout(8000)
            person = Person(site, page)
            page.on("console", lambda message: said.append(message.text))
            page.on("pageerror", lambda error: said.append(str(error)))
            page.on("request", lambda request: person.posted.append(request) if request.method == "POST" else None)
            page.expose_function("vendorSolve", person.answer)
            page.route(
                site.system.script, lambda route: route.fulfill(body=script_of(name), content_type="text/javascript")
            )
            page.route(re.compile(re.escape(site.page) + r"(\?.*)?$"), with_its_policy)
            return person

        yield begin
    assert [line for line in said if not line.startswith(REMARK)] == []


def script_of(name: str) -> str:
    """The stand-in of a vendor's script."""
    name = name.replace("-webview", "")
    return "".join((SCRIPTS / f"{part}.js").read_text(encoding="utf-8") for part in ("common", name))


def with_its_policy(route: Any) -> None:
    """Serve a page with the Content-Security-Policy that its own comment names."""
    answer = route.fetch()
    page = answer.text()
    found = re.search(r"(default-src .*?)\s+HOSTS are[^\n]*:\s+(.*?)\s+Send it as", page, re.DOTALL)
    assert found, "the page names no policy"
    policy, hosts = (" ".join(part.split()) for part in found.groups())
    csp = policy.replace("HOSTS", hosts).replace("…", "1234567890")
    assert page.count("\n<script>\n") == 1
    body = page.replace("\n<script>\n", '\n<script nonce="1234567890">\n')
    route.fulfill(response=answer, body=body, headers={**answer.headers, "content-security-policy": csp})
