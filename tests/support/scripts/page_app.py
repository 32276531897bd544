"""A small application that shows one page (CAPTCHA_PAGE) and greets whoever is let in, with a form or with JSON."""

from __future__ import annotations

import os
from pathlib import Path

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse
from starlette.routing import Route
from starlette.templating import Jinja2Templates

from captcha_gate import decision_of, load_policy
from captcha_gate.asgi import CaptchaGate

policy = load_policy(os.environ["CAPTCHA_POLICY"])
[provider] = policy.providers.values()
pages = Jinja2Templates(Path(__file__).parents[3] / "examples" / "vendors" / "pages")


async def page(request: Request) -> HTMLResponse:
    told = {"script": provider.script, "vid": provider.site_key}
    return pages.TemplateResponse(request, os.environ["CAPTCHA_PAGE"], told)


async def login(request: Request) -> JSONResponse:
    is_json = request.headers["content-type"] == "application/json"
    told = await (request.json() if is_json else request.form())
    decision = decision_of(request)
    return JSONResponse({"hello": told["user"], "verified": decision is not None and decision.verified})


app = CaptchaGate(Starlette(routes=[Route("/", page), Route("/login", login, methods=["POST"])]), policy)
