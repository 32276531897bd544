"""FastAPI and VAPTCHA v4. The page sends JSON. Run one process: which tokens were used, this policy keeps in memory.

VAPTCHA_V4_VID=... VAPTCHA_V4_KEY=... uvicorn examples.vendors.fastapi_vaptcha_v4:app
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

from fastapi import Body, FastAPI, Request
from fastapi.responses import HTMLResponse
from fastapi.templating import Jinja2Templates

from captcha_gate import decision_of, load_policy
from captcha_gate.asgi import CaptchaGate

HERE = Path(__file__).parent

policy = load_policy(os.environ.get("CAPTCHA_POLICY") or HERE.parents[1] / "policies" / "login-vaptcha-v4.yaml")
unit = policy.providers["vaptcha"]
pages = Jinja2Templates(HERE / "pages")

app = FastAPI()
app.add_middleware(CaptchaGate, policy=policy)


@app.get("/")
async def page(request: Request) -> HTMLResponse:
    return pages.TemplateResponse(request, "vaptcha-v4.html", {"script": unit.script, "vid": unit.site_key})


@app.post("/login")
async def login(request: Request, user: Annotated[str, Body(embed=True)]) -> dict[str, object]:
    # Only requests with a solved CAPTCHA get here. The body is there as if nobody had read it.
    decision = decision_of(request)
    return {"hello": user, "verified": decision is not None and decision.verified}
