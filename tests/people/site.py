"""A site behind the gate, as the browser tests visit it. Holds no fact.

Its rule `login` is for forms and scripts, at `/app/login`. Its rule `page` is for visits, `/secret/…`: it shows the
challenge page.
"""

from __future__ import annotations

import html
import json
import secrets
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.resources import files
from string import Template
from typing import Any
from urllib.parse import parse_qsl

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from captcha_gate import Decision, Policy, load_policy
from captcha_gate.asgi import CaptchaGate

__all__ = ["WORDS", "Site", "serve"]

WORDS: dict[str, dict[str, Any]] = json.loads(files("captcha_gate.pages").joinpath("words.json").read_text("utf-8"))
FORM = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Log in</title>
<meta name="viewport" content="width=device-width">
<style nonce="$nonce">
:root {color-scheme: light dark} body {color: CanvasText; background: Canvas; font: 1rem/1.5 sans-serif}
body {max-width: 24rem; margin: 2rem auto; padding: 0 1rem} label {display: block}
</style>
<script nonce="$nonce" src="/captcha-gate/gate.js" defer></script>
<main><h1>Log in</h1><form method="post" action="$action" data-captcha-gate="$rule">
<label>User name <input name="user" autocomplete="username"></label>
<label>Password <input name="password" type="password" autocomplete="current-password"></label>
$inside<p><button name="by" value="main">Log in</button> <button name="by" value="other">Other</button></p>
</form></main></html>"""


@dataclass
class Site:
    """The site that runs, and what came to it.

    Attributes:
        decisions: of its gate, in order.
        posted: the forms that arrived, each as the pairs that were sent.
        csp_hosts: where vendors' scripts and frames may come from, in the form's page.
        form: what stands before the form's button.
    """

    url: str
    policy: Policy
    decisions: list[Decision] = field(default_factory=list)
    posted: list[list[tuple[str, str]]] = field(default_factory=list)
    csp_hosts: str = ""
    form: str = ""

    async def show_form(self, request: Request) -> Response:
        nonce = secrets.token_urlsafe(12)
        action = request.query_params.get("action", "/app/login")
        page = Template(FORM).substitute(nonce=nonce, rule="login", action=action, inside=self.form)
        policy = (
            f"default-src 'none'; script-src 'nonce-{nonce}' {self.csp_hosts}; style-src 'unsafe-inline'; "
            f"frame-src {self.csp_hosts}; "
            "connect-src 'self'; worker-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
        )
        return HTMLResponse(page, headers={"Content-Security-Policy": policy})

    async def let_in(self, request: Request) -> Response:
        body = (await request.body()).decode()
        is_form = (request.headers.get("content-type") or "").startswith("application/x-www-form-urlencoded")
        if request.method == "POST":
            self.posted.append(parse_qsl(body, keep_blank_values=True) if is_form else [("body", body)])
        if request.method == "POST" and not is_form:
            return JSONResponse({"body": body})
        title = "Welcome" if request.url.path.startswith(("/app", "/echo")) else f"Let in by {request.method}"
        return HTMLResponse(
            f'<!doctype html><html lang="en"><title>In</title><h1>{title}</h1><p>{html.escape(body)}</p>'
        )


@contextmanager
def serve(providers: Mapping[str, Any], **rule: Any) -> Iterator[Site]:
    """The site on a free port of loopback, behind a gate with these providers.

    Args:
        providers: as in a policy; both rules take any of them.
        rule: further keys of both rules.
    """
    both = {"providers": list(providers), **rule}
    asks = {"challenge": "page", "clearance": {"ttl": "10m"}}
    policy = load_policy(
        {
            "version": 1,
            "allow_test_keys": True,
            "secret_key": secrets.token_urlsafe(32),
            "providers": providers,
            "rules": [
                {"name": "login", "match": "/app/login", **both},
                {"name": "page", "match": "/secret/**", **asks, **both},
            ],
        }
    )
    with socket.create_server(("127.0.0.1", 0)) as listener:
        site = Site(f"http://127.0.0.1:{listener.getsockname()[1]}/", policy)
        routes = [
            Route("/form", site.show_form),
            Route("/app/login", site.let_in, methods=["POST"]),
            Route("/echo", site.let_in, methods=["POST"]),
            Route("/secret/{page}", site.let_in, methods=["GET", "POST"]),
        ]
        app = CaptchaGate(Starlette(routes=routes), policy, on_decision=site.decisions.append)
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning", ws="none", timeout_graceful_shutdown=1))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            yield site
        finally:
            server.should_exit = True
            thread.join()
