"""FastAPI: the gate is a middleware, the decision comes as a dependency.

ALTCHA_KEY=... uvicorn examples.fastapi_app:app
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from fastapi import Depends, FastAPI, Form, Request

from captcha_gate import Decision, decision_of
from captcha_gate.asgi import CaptchaGate

app = FastAPI()
app.add_middleware(CaptchaGate, policy=Path(__file__).with_name("policy.yaml"))


def captcha(request: Request) -> Decision | None:
    """The gate's decision, for any handler that asks for it."""
    return decision_of(request)


@app.post("/login")
async def login(
    user: Annotated[str, Form()], decision: Annotated[Decision | None, Depends(captcha, scope="function")]
) -> dict[str, object]:
    # Only requests with a solved CAPTCHA get here.
    return {"hello": user, "verified": decision is not None and decision.verified}


@app.get("/")
async def index() -> dict[str, str]:
    return {"post": "/login"}
