"""Applications to compare with: the smallest, and what people write by hand who have no gate. Measures nothing.

Servers in processes of their own import `gated`, `bare` and `by_hand` from here; `CAPTCHA_POLICY` is a policy as JSON.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import flask
import httpx
import requests

from captcha_gate.asgi import CaptchaGate as AsgiGate
from captcha_gate.wsgi import CaptchaGate as WsgiGate

__all__ = ["app", "endpoint", "view", "wsgi_app"]


async def app(asked: Any, receive: Any, send: Any) -> None:
    """An application that answers at once."""
    if asked["type"] == "lifespan":
        return
    headers = [(b"content-type", b"text/plain"), (b"content-length", b"2")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"ok"})


def wsgi_app(_: Any, start_response: Any) -> list[bytes]:
    """The same for WSGI."""
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "2")])
    return [b"ok"]


def endpoint(client: httpx.AsyncClient, url: str) -> Any:
    """An endpoint that asks the vendor itself, without the signature and without any care."""

    async def call(asked: Any, receive: Any, send: Any) -> None:
        if asked["type"] == "http" and asked["method"] == "POST":
            headers = asked["headers"]
            fields = {key.decode(): value.decode() for key, value in headers if key.startswith(b"x-captcha-")}
            reply = await client.post(url, data=fields)
            if reply.json()["result"] != "success":
                return
        await app(asked, receive, send)

    return call


def view(url: str) -> flask.Flask:
    """The same as a view of Flask's that calls `requests.post`, as vendors' examples do."""
    site = flask.Flask(__name__)

    @site.route("/<path:_>", methods=["GET"])
    def other(_: str) -> str:
        return "ok"

    @site.post("/login")
    def login() -> tuple[str, int]:
        headers = flask.request.headers.items()
        fields = {key: value for key, value in headers if key.startswith("X-Captcha-")}
        passed = requests.post(url, data=fields, timeout=20).json()["result"] == "success"
        return ("ok", 200) if passed else ("no", 403)

    return site


if policy := os.environ.get("CAPTCHA_POLICY"):
    vendor = json.loads(Path(policy).read_text(encoding="utf-8"))["providers"]["cn"]["base_url"]
    asgi_bare, wsgi_bare = app, wsgi_app
    asgi_gated, wsgi_gated = AsgiGate(app, policy), WsgiGate(wsgi_app, policy)
    asgi_by_hand = endpoint(httpx.AsyncClient(timeout=20), f"{vendor}/validate?captcha_id=x")
    wsgi_by_hand = view(f"{vendor}/validate?captcha_id=x")
