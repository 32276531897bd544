"""Every example runs: without a token it refuses, with a solved challenge it answers, and it fits on a screen."""

from __future__ import annotations

import asyncio
import runpy
from pathlib import Path

import altcha
import httpx
import pytest

EXAMPLES = Path(__file__).parent.parent / "examples"
ASGI = [("fastapi_app.py", ""), ("starlette_mounted.py", "/shop")]
WSGI = ["flask_app.py", "wsgi_app.py"]


@pytest.fixture(autouse=True)
def key(monkeypatch):
    monkeypatch.setenv("ALTCHA_KEY", "a long random text for the examples")


def solved(challenge):
    challenge = altcha.Challenge.from_dict(challenge)
    return {"user": "ada", "altcha": altcha.Payload(challenge, altcha.solve_challenge(challenge)).to_base64()}


@pytest.fixture
def quick(monkeypatch):
    """The real work, but less of it."""
    monkeypatch.setattr("captcha_gate.providers.altcha.MAX_COUNTER", 20)


@pytest.mark.parametrize(("file", "mount"), ASGI)
def test_an_asgi_example_refuses_and_lets_in(file, mount, quick):
    app = runpy.run_path(str(EXAMPLES / file))["app"]

    async def visit():
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://testserver") as http:
            assert (await http.get(f"{mount}/")).status_code == 200
            assert (await http.post(f"{mount}/login", data={"user": "ada"})).status_code == 403
            challenge = (await http.get(f"{mount}/altcha")).json()
            return (await http.post(f"{mount}/login", data=solved(challenge))).json()

    assert asyncio.run(visit()) == {"hello": "ada", "verified": True}


@pytest.mark.parametrize("file", WSGI)
def test_a_wsgi_example_refuses_and_lets_in(file, quick):
    app = runpy.run_path(str(EXAMPLES / file))["app"]
    transport = httpx.WSGITransport(app)
    with httpx.Client(transport=transport, base_url="http://testserver") as http:
        assert http.get("/").status_code == 200
        assert http.post("/login", data={"user": "ada"}).status_code == 403
        challenge = http.get("/altcha").json()
        assert http.post("/login", data=solved(challenge)).json() == {"hello": "ada", "verified": True}


@pytest.mark.parametrize(("file", "mount"), ASGI)
def test_an_asgi_example_as_its_user_would_test_it(file, mount, captcha):
    app = runpy.run_path(str(EXAMPLES / file))["app"]

    async def login():
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://testserver") as http:
            return await http.post(f"{mount}/login", data={"user": "ada"})

    assert asyncio.run(login()).json() == {"hello": "ada", "verified": True}
    with captcha.fails("expired"):
        assert asyncio.run(login()).json()["code"] == "expired"
    assert [decision.reason for decision in captcha.decisions] == ["ok", "expired"]


@pytest.mark.parametrize("file", WSGI)
def test_a_wsgi_example_as_its_user_would_test_it(file, captcha):
    app = runpy.run_path(str(EXAMPLES / file))["app"]
    with httpx.Client(transport=httpx.WSGITransport(app), base_url="http://testserver") as http:
        assert http.post("/login", data={"user": "ada"}).json() == {"hello": "ada", "verified": True}
        with captcha.fails("expired"):
            assert http.post("/login", data={"user": "ada"}).json()["code"] == "expired"
    assert [decision.reason for decision in captcha.decisions] == ["ok", "expired"]


@pytest.mark.parametrize("file", sorted(EXAMPLES.glob("*.py")), ids=lambda file: file.name)
def test_an_example_fits_on_a_screen(file):
    assert len(file.read_text(encoding="utf-8").splitlines()) <= 40


def test_every_example_is_tested():
    assert sorted(file.name for file in EXAMPLES.glob("*.py")) == sorted([*WSGI, *(file for file, _ in ASGI)])
