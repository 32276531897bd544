"""The demo's application, and the gate in front of it. The application knows no CAPTCHA: it reads the decision."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, nullcontext
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

from captcha_gate import Policy, decision_of, load_policy
from captcha_gate.asgi import CaptchaGate
from captcha_gate.decision import Decision
from captcha_gate.demo.html import decision_page, login_page
from captcha_gate.demo.sites import Site
from captcha_gate.demo.stand_in import StandIn

__all__ = ["open_demo"]

HERE: Final = Path(__file__).parent

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


@contextmanager
def open_demo(site: Site, on_decision: Callable[[Decision], object] | None = None) -> Iterator[CaptchaGate]:
    """The demo behind its gate, with a key that nobody else knows; the vendor's stand-in runs as long as the block.

    Args:
        site: which provider it is shown with.
        on_decision: called with every decision.

    Raises:
        PolicyError: several workers are asked for (`WEB_CONCURRENCY`), and the demo's store is one process's memory.
    """
    with site.vendor() if site.vendor else nullcontext() as vendor:
        stand_in = StandIn(site, vendor) if vendor else None
        account = stand_in.environment() if stand_in else {"CAPTCHA_GATE_DEMO_KEY": secrets.token_urlsafe(32)}
        policy = load_policy(site.policy, environment=account)
        routes = _Pages(site, policy, stand_in).routes() + (stand_in.routes() if stand_in else [])
        static = Mount("/static", StaticFiles(directory=HERE / "static"))
        yield CaptchaGate(_with_headers(Starlette(routes=[*routes, static])), policy, on_decision=on_decision)


class _Pages:
    """The form, and what becomes of it."""

    def __init__(self, site: Site, policy: Policy, stand_in: StandIn | None) -> None:
        self._site = site
        self._policy = policy
        self._stand_in = stand_in

    def routes(self) -> list[Route]:
        return [
            Route("/", self._show_form),
            Route("/login", self._log_in, methods=["POST"]),
            Route("/login", _to_form),
            Route("/newsletter", self._subscribe, methods=["POST"]),
            Route("/newsletter", _to_form),
        ]

    async def _show_form(self, _: Request) -> Response:
        down = self._stand_in is not None and self._stand_in.down
        return HTMLResponse(login_page(self._site, self._policy, down=down))

    async def _log_in(self, request: Request) -> Response:
        return await self._let_in(request, "Welcome")

    async def _subscribe(self, request: Request) -> Response:
        return await self._let_in(request, "Subscribed", opens=True)

    async def _let_in(self, request: Request, greeting: str, *, opens: bool = False) -> Response:
        decision = decision_of(request)
        if decision is None or not (decision.verified or (opens and decision.opened)):
            # The policy never lets this happen. A page that says "let in" asks all the same.
            return Response("The gate did not verify this request.\n", 403)
        form = parse_qs((await request.body()).decode("utf-8", "replace"))
        provider = self._policy.providers[decision.provider or ""]
        token = {field.name: form.get(field.name, [""])[0] for field in provider.client_fields}
        user = form.get("username", [""])[0]
        return HTMLResponse(decision_page(decision, greeting, user, request.url.path, token))


async def _to_form(_: Request) -> Response:
    return RedirectResponse("/", 303)


def _with_headers(app: ASGIApp) -> Callable[[Scope, Receive, Send], Awaitable[None]]:
    async def with_headers(scope: Scope, receive: Receive, send: Send) -> None:
        async def send_more(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(HEADERS)
            await send(message)

        await app(scope, receive, send_more)

    return with_headers
