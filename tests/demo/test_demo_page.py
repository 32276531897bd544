"""The demo's pages and its gate, without a browser."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Iterator
from typing import Any

import altcha
import httpx
import pytest

from captcha_gate import Decision
from captcha_gate.demo.app import open_demo
from captcha_gate.demo.sites import SITES

ALTCHA = SITES["altcha"]
PAGE = {"Accept": "text/html"}
PERSON = {"username": "ada", "password": "correct horse"}


@pytest.fixture(scope="module")
def decisions() -> list[Decision]:
    return []


@pytest.fixture(scope="module")
def gate(decisions: list[Decision]) -> Iterator[Any]:
    with open_demo(ALTCHA, decisions.append) as app:
        yield app


@pytest.fixture
def ask(gate: Any) -> Any:
    """Send one request to the demo."""

    async def send(method: str, url: str, **kwargs: Any) -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(gate), base_url="http://demo") as http:
            return await http.request(method, url, **kwargs)

    return lambda method, url, **kwargs: asyncio.run(send(method, url, **kwargs))


def solved(challenge: dict[str, Any]) -> str:
    """The form field, solved by the `altcha` package: the demo's own solver is not asked."""
    solution = altcha.solve_challenge(altcha.Challenge.from_dict(challenge))
    assert solution is not None
    payload = {"challenge": challenge, "solution": solution.to_dict()}
    return base64.b64encode(json.dumps(payload).encode()).decode()


@pytest.fixture(scope="module")
def token(gate: Any) -> str:
    async def challenge() -> dict[str, Any]:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(gate), base_url="http://demo") as http:
            return (await http.get("/captcha-gate/pow/challenge")).json()

    return solved(asyncio.run(challenge()))


@pytest.mark.parametrize("url", ["/", "/static/proof.js", "/static/style.css", "/static/icon.svg", "/nothing-here"])
def test_everything_the_demo_serves_has_a_strict_content_security_policy(ask: Any, url: str) -> None:
    policy = ask("GET", url).headers["content-security-policy"]
    assert policy == (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; worker-src 'self'; "
        "img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    )


def test_the_page_can_be_kept_for_back(ask: Any) -> None:
    assert ask("GET", "/").headers["cache-control"] == "no-cache"


def test_the_page_shows_the_policy_that_is_in_force(ask: Any) -> None:
    assert ALTCHA.policy.read_text(encoding="utf-8").strip() in ask("GET", "/").text


def test_the_page_holds_no_inline_script_or_style(ask: Any) -> None:
    page = ask("GET", "/").text
    assert "style=" not in page
    assert "<style" not in page
    assert page.count("<script") == page.count('<script type="module" src="/static/proof.js"></script>') == 1


def test_opening_the_address_of_the_form_leads_to_the_form(ask: Any) -> None:
    response = ask("GET", "/login")
    assert (response.status_code, response.headers["location"]) == (303, "/")


def test_a_login_without_a_token_gets_the_page_of_the_gate(ask: Any, decisions: list[Decision]) -> None:
    response = ask("POST", "/login", data={**PERSON, "altcha": ""}, headers=PAGE)
    assert response.status_code == 403
    assert "CAPTCHA required" in response.text
    assert decisions[-1].reason == "missing_token"


def test_a_token_lets_in_once_and_never_again(ask: Any, token: str, decisions: list[Decision]) -> None:
    first = ask("POST", "/login", data={**PERSON, "altcha": token}, headers=PAGE)
    assert first.status_code == 200
    assert 'Welcome, <span class="user">ada</span>' in first.text
    assert "<code>passed</code>" in first.text
    assert PERSON["password"] not in first.text
    assert decisions[-1].verified

    second = ask("POST", "/login", data={**PERSON, "altcha": token}, headers=PAGE)
    assert second.status_code == 403
    assert "replayed" in second.text
    assert not decisions[-1].verified


def test_what_was_typed_is_escaped(ask: Any) -> None:
    fresh = solved(ask("GET", "/captcha-gate/pow/challenge").json())
    user = "\"><script>alert('$token')</script>"
    page = ask("POST", "/login", data={"username": user, "altcha": fresh}).text
    assert "<script" not in page
    assert "&quot;&gt;&lt;script&gt;alert(&#x27;$token&#x27;)&lt;/script&gt;" in page


def test_every_start_has_a_key_of_its_own(token: str, decisions: list[Decision]) -> None:
    async def elsewhere() -> httpx.Response:
        with open_demo(ALTCHA) as app:
            async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://demo") as http:
                return await http.post("/login", data={"altcha": token})

    response = asyncio.run(elsewhere())
    assert (response.status_code, response.json()["code"]) == (403, "invalid_token")


@pytest.mark.parametrize("path", ["/stand-in/solve", "/stand-in/outage"])
def test_without_a_vendor_there_is_nothing_to_play(ask: Any, path: str) -> None:
    assert ask("POST", path, json={"down": True}).status_code == 404
