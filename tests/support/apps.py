"""A small application behind a gate, for servers that run in a process of their own. `CAPTCHA_POLICY` is its policy.

It routes as leniently as any framework does (repeated slashes, a trailing newline, methods in lower case), so that a
request which should not have reached `/login` says so.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from typing import Any

from captcha_gate import decision_of
from captcha_gate.asgi import CaptchaGate as AsgiGate
from captcha_gate.wsgi import CaptchaGate as WsgiGate


def told(method: str, path: str, body: bytes, carrier: Any) -> bytes:
    """What the application saw, as JSON."""
    decision = decision_of(carrier)
    seen = {
        "handler": re.sub("/+", "/", path).strip() if method.upper() == "POST" else None,
        "length": len(body),
        "sha256": hashlib.sha256(body).hexdigest(),
        "outcome": decision.outcome.value if decision else None,
        "told": dict(decision.detail.get("captcha_args", {})) if decision else None,
        "pid": os.getpid(),
    }
    return json.dumps(seen).encode()


async def plain_asgi(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] == "lifespan":
        while (message := await receive())["type"] == "lifespan.startup":
            await send({"type": "lifespan.startup.complete"})
        await send({"type": message["type"] + ".complete"})
    elif scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.accept"})
        await send({"type": "websocket.close", "code": 1000})
    else:
        body, more = b"", True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        content = told(scope["method"], scope["path"], body, scope)
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(content)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": content})


def plain_wsgi(environ: Any, start_response: Any) -> list[bytes]:
    length = environ.get("CONTENT_LENGTH")
    ends = environ.get("wsgi.input_terminated")
    body = environ["wsgi.input"].read() if ends else environ["wsgi.input"].read(int(length or 0))
    content = told(environ["REQUEST_METHOD"], environ["PATH_INFO"], body, environ)
    start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(content)))])
    return [content]


if policy := os.environ.get("CAPTCHA_POLICY"):
    asgi = AsgiGate(plain_asgi, policy)
    wsgi = WsgiGate(plain_wsgi, policy)
