"""A site behind a real gate, and the endpoints that gate.js asks. Stands in for the gate's own until it has them.

What a token is worth, a real gate with real providers says. Only config, verify, the challenge page and its clearance
are made up here, as simple as they can be.
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
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from captcha_gate import Decision, Policy, load_policy
from captcha_gate.asgi import CaptchaGate
from captcha_gate.providers.base import ChallengingProvider

__all__ = ["PREFIX", "WORDS", "Site", "serve"]

PREFIX = "/captcha-gate"
PAGES = files("captcha_gate.pages")
WORDS: dict[str, dict[str, str]] = json.loads(PAGES.joinpath("words.json").read_text(encoding="utf-8"))
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
        csp_hosts: where vendors' scripts may come from.
        form: what stands before the form's button.
        options: of each provider, for its widget.
        page: what fills the challenge page, where not the usual.
        clears: a solved challenge page is given its cookie.
    """

    url: str
    policy: Policy
    decisions: list[Decision] = field(default_factory=list)
    posted: list[list[tuple[str, str]]] = field(default_factory=list)
    csp_hosts: str = ""
    form: str = ""
    options: dict[str, dict[str, Any]] = field(default_factory=dict)
    page: dict[str, str] = field(default_factory=dict)
    language: str = "en"
    clears: bool = True

    def csp(self, nonce: str, *, unsafe_style: bool = False) -> str:
        style = "'unsafe-inline'" if unsafe_style else f"'nonce-{nonce}'"
        return (
            f"default-src 'none'; script-src 'nonce-{nonce}' {self.csp_hosts}; style-src {style}; connect-src 'self'; "
            "worker-src 'self'; img-src 'self' data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
        )

    def config(self, name: str) -> dict[str, Any]:
        rule = self.policy.named[name]
        return {
            "rule": name,
            "verify": f"{PREFIX}/verify?rule={name}",
            "language": self.language,
            "words": WORDS[self.language],
            "providers": [self._provider(want) for want in rule.wanted],
        }

    def _provider(self, want: Any) -> dict[str, Any]:
        provider = self.policy.providers[want.provider]
        challenging = isinstance(provider, ChallengingProvider)
        return {
            "name": want.provider,
            "type": provider.type,
            "site_key": provider.site_key,
            "script": provider.script,
            "challenge": f"{PREFIX}/{want.provider}/challenge" if challenging else None,
            "fields": dict(want.names),
            "headers": dict(want.headers),
            "options": self.options.get(want.provider, {}),
        }

    def challenge_page(
        self, nonce: str, rule: str, method: str, action: str, fields: list[tuple[str, str]], back: str
    ) -> str:
        words = WORDS[self.language]
        inputs = "".join(
            f'<input type="hidden" name="{html.escape(name)}" value="{html.escape(value)}">' for name, value in fields
        )
        values = {
            "language": self.language,
            "title": words["page_title"],
            "advice": words["page_advice"],
            "noscript": words["page_noscript"],
            "nonce": nonce,
            "script": f"{PREFIX}/gate.js",
            "rule": rule,
            "back": back,
            "method": method,
            "action": action,
            "code": "missing_token",
            **self.page,
        }
        ready = {"fields": inputs, "contact": f'<a href="/contact">{html.escape(words["page_contact"])}</a>'}
        page = PAGES.joinpath("challenge.html").read_text(encoding="utf-8")
        escaped = {name: html.escape(value) for name, value in values.items()}
        return Template(page).substitute({**escaped, **ready})


@contextmanager
def serve(policy: Mapping[str, Any]) -> Iterator[Site]:
    """The site on a free port of loopback, each rule of its policy for `/app/NAME` of that name."""
    rules = [{"match": f"/app/{rule['name']}", **rule} for rule in policy["rules"]]
    loaded = load_policy({"version": 1, **policy, "rules": rules})
    with socket.create_server(("127.0.0.1", 0)) as listener:
        site = Site(f"http://127.0.0.1:{listener.getsockname()[1]}/", loaded)
        server = uvicorn.Server(uvicorn.Config(_app(site), log_level="warning", ws="none", timeout_graceful_shutdown=1))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            yield site
        finally:
            server.should_exit = True
            thread.join()


def _app(site: Site) -> Any:
    endpoints = _Endpoints(site)
    routes = [
        Route(f"{PREFIX}/gate.js", endpoints.script),
        Route(f"{PREFIX}/config", endpoints.config),
        Route(f"{PREFIX}/verify", endpoints.verify, methods=["POST"]),
        Route("/form/{rule}", endpoints.form),
        Route("/secret/{rule}", endpoints.secret, methods=["GET", "POST"]),
        Route("/echo", endpoints.echo, methods=["POST"]),
        Route("/app/{rule}", endpoints.echo, methods=["POST"]),
    ]

    return CaptchaGate(Starlette(routes=routes), site.policy, on_decision=site.decisions.append)


class _Endpoints:
    def __init__(self, site: Site) -> None:
        self.site = site
        self.checked = CaptchaGate(
            Starlette(routes=[Route("/app/{rule}", _yes, methods=["POST"])]),
            site.policy,
            on_decision=site.decisions.append,
        )

    async def script(self, _: Request) -> Response:
        source = PAGES.joinpath("gate.js").read_text(encoding="utf-8")
        return Response(source, media_type="text/javascript", headers={"X-Content-Type-Options": "nosniff"})

    async def config(self, request: Request) -> Response:
        return JSONResponse(self.site.config(request.query_params["rule"]), headers={"Cache-Control": "no-store"})

    async def verify(self, request: Request) -> Response:
        """What the gate says of the token in the headers, and a clearance where it is good."""
        rule = request.query_params["rule"]
        assert await request.body() == b""
        sent: list[Any] = []

        async def collect(message: Any) -> None:
            sent.append(message)

        scope = {**request.scope, "path": f"/app/{rule}", "raw_path": f"/app/{rule}".encode(), "query_string": b""}
        scope.pop("captcha_gate", None)
        await self.checked(scope, request.receive, collect)
        body = b"".join(message.get("body", b"") for message in sent[1:])
        headers = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
        response = Response(body, sent[0]["status"], headers)
        if response.status_code == 200 and self.site.clears:
            response.set_cookie(f"clearance-{rule}", "yes", httponly=True, samesite="lax")
        return response

    async def form(self, request: Request) -> Response:
        nonce, rule = secrets.token_urlsafe(12), request.path_params["rule"]
        action = request.query_params.get("action", f"/app/{rule}")
        page = Template(FORM).substitute(nonce=nonce, rule=rule, action=action, inside=self.site.form)
        return HTMLResponse(page, headers={"Content-Security-Policy": self.site.csp(nonce, unsafe_style=True)})

    async def secret(self, request: Request) -> Response:
        rule, method = request.path_params["rule"], request.method.lower()
        fields = parse_qsl((await request.body()).decode(), keep_blank_values=True)
        if request.cookies.get(f"clearance-{rule}"):
            self.site.posted.append(fields)
            return HTMLResponse(f'<!doctype html><html lang="en"><title>In</title><h1>Let in by {request.method}</h1>')
        kept = fields if request.headers.get("sec-fetch-site") == "same-origin" else []
        words = WORDS[self.site.language]
        back = "" if method == "get" else words["page_back" if kept else "page_keep"]
        action = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        nonce = secrets.token_urlsafe(12)
        page = self.site.challenge_page(nonce, rule, method, action, kept, back)
        headers = {"Content-Security-Policy": self.site.csp(nonce), "Cache-Control": "no-store"}
        return HTMLResponse(page, 403, headers=headers)

    async def echo(self, request: Request) -> Response:
        is_form = (request.headers.get("content-type") or "").startswith("application/x-www-form-urlencoded")
        body = (await request.body()).decode()
        self.site.posted.append(parse_qsl(body, keep_blank_values=True) if is_form else [("body", body)])
        said = f'<!doctype html><html lang="en"><title>In</title><h1>Welcome</h1><p>{html.escape(body)}</p>'
        return HTMLResponse(said) if is_form else JSONResponse({"ok": True, "body": body})


async def _yes(_: Request) -> Response:
    return PlainTextResponse("", media_type="application/json")
