"""The application of `apps` behind gates that say in the log when they are closed, for servers of their own."""

from __future__ import annotations

import os
import sys

from captcha_gate.asgi import CaptchaGate as AsgiGate
from captcha_gate.wsgi import CaptchaGate as WsgiGate
from support.apps import plain_asgi, plain_wsgi

CLOSED = "this gate is closed"


class ClosingGate(AsgiGate):
    async def aclose(self) -> None:
        await super().aclose()
        # All at once: several processes share the log.
        os.write(sys.stderr.fileno(), f"{CLOSED}\n".encode())


if policy := os.environ.get("CAPTCHA_POLICY"):
    asgi = ClosingGate(plain_asgi, policy)
    wsgi = WsgiGate(plain_wsgi, policy)
