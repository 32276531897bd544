"""Starlette, mounted under a prefix: rules match what is below the mount point, so `/shop/login` is `/login` here.

ALTCHA_KEY=... uvicorn examples.starlette_mounted:app
"""

from __future__ import annotations

from pathlib import Path

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Mount, Route

from captcha_gate import decision_of
from captcha_gate.asgi import CaptchaGate


async def login(request: Request) -> JSONResponse:
    # Only requests with a solved CAPTCHA get here.
    form, decision = await request.form(), decision_of(request)
    return JSONResponse({"hello": form["user"], "verified": decision is not None and decision.verified})


async def index(_: Request) -> JSONResponse:
    return JSONResponse({"post": "/login"})


shop = Starlette(
    routes=[Route("/", index), Route("/login", login, methods=["POST"])],
    middleware=[Middleware(CaptchaGate, policy=Path(__file__).with_name("policy.yaml"))],
)
app = Starlette(routes=[Mount("/shop", app=shop)])
