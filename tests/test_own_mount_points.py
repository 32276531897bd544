"""An application that has a mount point of its own, which no server tells the gate: it hides no rule."""

from __future__ import annotations

import asyncio

import httpx
import pytest
from fastapi import FastAPI
from starlette.middleware.gzip import GZipMiddleware
from support.world import PASSES, TOKEN, answering, policy_of

from captcha_gate.asgi import CaptchaGate


def site(root_path: str):
    app = FastAPI()
    app.root_path = root_path  # as its constructor does, which warns of it
    ran: list[str] = []

    @app.post("/login")
    def login() -> str:
        ran.append("login")
        return "in"

    @app.post("/other")
    def other() -> str:
        return "other"

    return app, ran


def post(app, path: str, **kwargs) -> int:
    async def go() -> int:
        client = httpx.AsyncClient(transport=httpx.MockTransport(answering(PASSES)))
        gate = CaptchaGate(app, policy_of(), http_client=client)
        transport = httpx.ASGITransport(gate)
        async with httpx.AsyncClient(transport=transport, base_url="http://testserver") as http:
            return (await http.post(path, **kwargs)).status_code

    return asyncio.run(go())


@pytest.mark.parametrize("wrapped", [lambda app: app, GZipMiddleware], ids=["bare", "behind a middleware"])
@pytest.mark.parametrize("root_path", ["/api", "/api/", "/a/b"])
@pytest.mark.parametrize("path", ["{root}/login", "/login", "{root}/login/", "{root}//login", "/x/..{root}/login"])
def test_a_rule_holds_below_the_applications_own_mount_point(wrapped, root_path, path):
    app, ran = site(root_path)
    path = path.format(root=root_path.rstrip("/"))
    assert post(wrapped(app), path) == 403
    assert ran == []


def test_a_token_passes_there_and_other_paths_are_no_concern():
    app, ran = site("/api")
    assert post(app, "/api/login", data=TOKEN) == 200
    assert ran == ["login"]
    assert post(app, "/api/other") == 200


@pytest.mark.parametrize("path", ["/api/login", "/login", "/s/api/login"])
def test_a_mount_point_of_the_servers_is_cut_off_before_it(path):
    app, ran = site("/api")

    async def under(scope, receive, send):
        await gate({**scope, "root_path": "/s"}, receive, send)

    async def go() -> int:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(under), base_url="http://testserver") as http:
            return (await http.post(path)).status_code

    gate = CaptchaGate(app, policy_of())
    assert asyncio.run(go()) == 403
    assert ran == []


def test_what_is_no_text_is_no_mount_point():
    class Odd:
        root_path = 7

        async def __call__(self, scope, receive, send):
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b""})

    odd = Odd()
    odd.app = odd  # and whoever wraps himself ends nothing
    assert post(odd, "/other") == 200
    assert post(odd, "/login") == 403
