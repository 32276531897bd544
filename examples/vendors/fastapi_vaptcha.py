"""FastAPI and VAPTCHA v3. A browser's page sends the two inputs that VAPTCHA's script adds to its form; an app, JSON.

VAPTCHA_VID=... VAPTCHA_KEY=... uvicorn examples.vendors.fastapi_vaptcha:app
"""

from __future__ import annotations

import hmac
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse
from fastapi.templating import Jinja2Templates

from captcha_gate import decision_of, load_policy
from captcha_gate.asgi import CaptchaGate
from captcha_gate.errors import DeviceError
from captcha_gate.vaptcha import async_devices

HERE = Path(__file__).parent

policy = load_policy(os.environ.get("CAPTCHA_POLICY") or HERE.parents[1] / "policies" / "login-vaptcha.yaml")
unit = policy.providers["vaptcha"]
devices = async_devices(policy, "vaptcha")
pages = Jinja2Templates(HERE / "pages")

app = FastAPI()
app.add_middleware(CaptchaGate, policy=policy)


@app.get("/", response_class=HTMLResponse)
@app.get("/captcha", response_class=HTMLResponse)  # for the WebView of an app
async def page(request: Request) -> HTMLResponse:
    name = "vaptcha.html" if request.url.path == "/" else "vaptcha-webview.html"
    return pages.TemplateResponse(request, name, {"script": unit.script, "vid": unit.site_key, "scene": unit.scene})


@app.post("/login")
async def login(request: Request) -> dict[str, object]:
    # Only requests with a solved CAPTCHA get here. VAPTCHA also tells how human it was, from 0 to 1.
    is_json = request.headers.get("content-type", "").startswith("application/json")
    given = await request.json() if is_json else await request.form()
    decision = decision_of(request)
    if decision is None or not decision.verified:
        return {"hello": given["user"], "verified": False}
    return {"hello": given["user"], "verified": True, "score": decision.score, "logins": await logins_on(given)}


async def logins_on(given: Mapping[str, Any]) -> int | None:
    """How often this user has logged in on this device; `None` where VAPTCHA does not tell: no login depends on it."""
    user_id = hmac.new(unit.key.get_secret_value().encode(), given["user"].encode(), "sha256").hexdigest()
    server, token = (given.get(f"vaptcha_{name}") or given.get(name) for name in ("server", "token"))
    try:
        return (await devices.query(user_id, server=server, token=token)).count
    except DeviceError:
        return None
