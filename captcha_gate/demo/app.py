"""The demo's application, and the gate in front of it. The application knows no CAPTCHA: it reads the decision."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final
from urllib.parse import parse_qs

from starlette.applications import Starlette
from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from captcha_gate import decision_of, load_policy
from captcha_gate.asgi import CaptchaGate
from captcha_gate.decision import Decision
from captcha_gate.demo.html import decision_page, login_page

__all__ = ["POLICY", "make_app"]

HERE: Final = Path(__file__).parent
POLICY: Final = HERE / "policy.yaml"

#: On everything that the demo itself serves: nothing inline, nothing from elsewhere.
HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; worker-src 'self'; "
        "img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-cache",  # not no-store: with that, the browser's Back would lose what was typed
}


def make_app(on_decision: Callable[[Decision], object] | None = None) -> CaptchaGate:
    """The demo behind its gate, with a key that nobody else knows.

    Args:
        on_decision: called with every decision.

    Raises:
        PolicyError: several workers are asked for (`WEB_CONCURRENCY`), and the demo's store is one process's memory.
    """
    policy = load_policy(POLICY, environment={"CAPTCHA_GATE_DEMO_KEY": secrets.token_urlsafe(32)})
    routes = [
        Route("/", _show_login),
        Route("/login", _log_in, methods=["POST"]),
        Route("/login", _to_login),
        Mount("/static", StaticFiles(directory=HERE / "static")),
    ]
    return CaptchaGate(_with_headers(Starlette(routes=routes)), policy, on_decision=on_decision)


async def _show_login(_: Request) -> Response:
    return HTMLResponse(login_page(POLICY.read_text(encoding="utf-8")))


async def _log_in(request: Request) -> Response:
    form = parse_qs((await request.body()).decode("utf-8", "replace"))
    decision = decision_of(request)
    if decision is None or not decision.verified:
        # The policy never lets this happen. A page that says "let in" asks all the same.
        return Response("The gate did not verify this request.\n", 403)
    user, token = (form.get(name, [""])[0] for name in ("username", "altcha"))
    return HTMLResponse(decision_page(decision, user, token))


async def _to_login(_: Request) -> Response:
    return RedirectResponse("/", 303)


def _with_headers(app: ASGIApp) -> Callable[[Scope, Receive, Send], Awaitable[None]]:
    async def with_headers(scope: Scope, receive: Receive, send: Send) -> None:
        async def send_more(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(HEADERS)
            await send(message)

        await app(scope, receive, send_more)

    return with_headers
