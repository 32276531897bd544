"""FastAPI and VAPTCHA v3. The page sends the two inputs that VAPTCHA's script adds to its form.

VAPTCHA_VID=... VAPTCHA_KEY=... uvicorn examples.vendors.fastapi_vaptcha:app
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

from fastapi import FastAPI, Form, Request
from fastapi.responses import HTMLResponse
from fastapi.templating import Jinja2Templates

from captcha_gate import decision_of, load_policy
from captcha_gate.asgi import CaptchaGate

HERE = Path(__file__).parent

policy = load_policy(os.environ.get("CAPTCHA_POLICY") or HERE.parents[1] / "policies" / "login-vaptcha.yaml")
unit = policy.providers["vaptcha"]
pages = Jinja2Templates(HERE / "pages")

app = FastAPI()
app.add_middleware(CaptchaGate, policy=policy)


@app.get("/")
async def page(request: Request) -> HTMLResponse:
    told = {"script": unit.script, "vid": unit.site_key, "scene": unit.scene}
    return pages.TemplateResponse(request, "vaptcha.html", told)


@app.post("/login")
async def login(request: Request, user: Annotated[str, Form()]) -> dict[str, object]:
    # Only requests with a solved CAPTCHA get here. VAPTCHA also tells how human it was, from 0 to 1.
    decision = decision_of(request)
    verified = decision is not None and decision.verified
    return {"hello": user, "verified": verified, "score": decision.score if decision else None}
