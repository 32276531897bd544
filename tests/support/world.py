"""One gate in front of one application, by either adapter, in this process: the table tests run in both worlds."""

from __future__ import annotations

import asyncio
import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx

from captcha_gate import Decision, Policy, load_policy
from captcha_gate.asgi import CaptchaGate as AsgiGate
from captcha_gate.wsgi import CaptchaGate as WsgiGate

KINDS = ("wsgi", "asgi")

#: A token that looks like one of GeeTest's.
TOKEN = {
    "lot_number": "4dc3cfc2cdff448cad8d13107198d473",
    "captcha_output": "ymBMOwkj3wrWAAfm-DEqWa4y7bc3_iVz0A==",
    "pass_token": "f3ea6fae5a1ed5bdb1c4b0be9e0fb3b35d3a5f5a8a4b0ab2e4b7c9e1d5f60718",
    "gen_time": "1653302332",
}
GEETEST = {"type": "geetest-v4", "captcha_id": "647f5ed2ed8acb4be36784e01556bb71", "captcha_key": "b09a7aafbfd83f73"}
ALTCHA = {"type": "altcha", "hmac_key": "an hmac key for tests, and only for them", "cost": 1}
LOGIN = {"name": "login", "match": "/login"}

PASSES = {"status": "success", "result": "success", "reason": "", "captcha_args": {"used_type": "slide"}}
REFUSES = {"status": "success", "result": "fail", "reason": "pass_token error", "captcha_args": {}}


def policy_of(*rules: Mapping[str, Any], **top: Any) -> Policy:
    """A policy with one GeeTest account named `cn`, and a rule for /login unless others are given."""
    providers = top.pop("providers", {"cn": GEETEST})
    return load_policy({"version": 1, "providers": providers, "rules": list(rules) or [LOGIN], **copy.deepcopy(top)})


@dataclass
class Seen:
    """One request as the application saw it."""

    decision: Decision | None
    body: bytes
    carrier: Mapping[str, Any]  # the scope or the environ


@dataclass
class World:
    """A gate, the application behind it, and the vendor in front of which both stand.

    `vendor` answers every call to a vendor; it may raise httpx's exceptions.
    """

    kind: str
    policy: Policy
    vendor: Callable[[httpx.Request], httpx.Response]
    options: dict[str, Any] = field(default_factory=dict)
    seen: list[Seen] = field(default_factory=list)
    asked: list[httpx.Request] = field(default_factory=list)
    decisions: list[Decision] = field(default_factory=list)
    environ: dict[str, Any] = field(default_factory=dict)  # what the server says besides the request
    scheme: str = "http"  # by which the client came
    status: str = "200 OK"  # the application's
    headers: list[tuple[str, str]] = field(default_factory=list)  # those of its answer, besides its type

    def __post_init__(self) -> None:
        options = {"on_decision": self.decisions.append, **self.options}
        transport = httpx.MockTransport(self._ask)
        if self.kind == "wsgi":
            self.app: Any = self._wsgi_app
            self.gate: Any = WsgiGate(self.app, self.policy, http_client=httpx.Client(transport=transport), **options)
        else:
            self.app = self._asgi_app
            client = httpx.AsyncClient(transport=transport)
            self.gate = AsgiGate(self.app, self.policy, http_client=client, **options)

    def request(
        self, method: str, url: str, *, client: tuple[str, int] = ("127.0.0.1", 123), **kwargs: Any
    ) -> httpx.Response:
        """Send one request through the gate. Keyword arguments are httpx's."""
        if self.kind == "wsgi":
            transport = httpx.WSGITransport(self._with_environ, remote_addr=client[0])
            with httpx.Client(transport=transport, base_url=f"{self.scheme}://testserver") as http:
                return http.request(method, url, **kwargs)
        return asyncio.run(self._arequest(method, url, client, kwargs))

    def post(self, url: str = "/login", **kwargs: Any) -> httpx.Response:
        """POST, to /login unless told otherwise."""
        return self.request("POST", url, **kwargs)

    async def _arequest(self, method: str, url: str, client: tuple[str, int], kwargs: Any) -> httpx.Response:
        transport = httpx.ASGITransport(self.gate, client=client)
        async with httpx.AsyncClient(transport=transport, base_url=f"{self.scheme}://testserver") as http:
            return await http.request(method, url, **kwargs)

    def _with_environ(self, environ: dict[str, Any], start_response: Any) -> Any:
        return self.gate({**environ, **self.environ}, start_response)

    def _ask(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        return self.vendor(request)

    def _wsgi_app(self, environ: dict[str, Any], start_response: Any) -> list[bytes]:
        length = environ.get("CONTENT_LENGTH")
        body = environ["wsgi.input"].read(int(length)) if length else environ["wsgi.input"].read()
        self.seen.append(Seen(environ.get("captcha_gate", "unset"), body, environ))
        start_response(self.status, [("Content-Type", "text/plain"), ("Content-Length", "5"), *self.headers])
        return [b"hello"]

    async def _asgi_app(self, scope: Any, receive: Any, send: Any) -> None:
        body, more = b"", True
        while more and scope["type"] == "http":
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        self.seen.append(Seen(scope.get("captcha_gate", "unset"), body, scope))
        headers = [(name.encode(), value.encode()) for name, value in [("content-type", "text/plain"), *self.headers]]
        await send({"type": "http.response.start", "status": int(self.status[:3]), "headers": headers})
        await send({"type": "http.response.body", "body": b"hello"})


def answering(reply: Any, status: int = 200) -> Callable[[httpx.Request], httpx.Response]:
    """A vendor that always answers the same JSON."""
    return lambda request: httpx.Response(status, json=reply)
