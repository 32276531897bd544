"""Sites whose framework takes odd targets for `/login`, behind a gate or, as `bare_…`, with nobody in front of them."""

from __future__ import annotations

import os

from flask import Flask
from quart import Quart
from werkzeug.middleware.dispatcher import DispatcherMiddleware

from captcha_gate.asgi import CaptchaGate as AsgiGate
from captcha_gate.wsgi import CaptchaGate as WsgiGate

_quart = Quart("site")
_flask = Flask("site")


@_quart.get("/ready")
@_quart.post("/login")
async def _quart_handler() -> str:
    return "the handler ran"


@_flask.get("/ready")
@_flask.post("/login")
def _flask_handler() -> str:
    return "the handler ran"


bare_quart = _quart
bare_flask = DispatcherMiddleware(_flask, {"/shop": Flask("shop")})
if policy := os.environ.get("CAPTCHA_POLICY"):
    quart = AsgiGate(bare_quart, policy)
    flask = WsgiGate(bare_flask, policy)
