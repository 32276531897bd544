"""Tornado and Yunpian. The page sends a FormData; what the gate protects is a WSGI application inside Tornado's.

YUNPIAN_CAPTCHA_ID=... YUNPIAN_SECRET_ID=... YUNPIAN_SECRET_KEY=... python examples/vendors/tornado_yunpian.py
"""

from __future__ import annotations

import asyncio
import json
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tornado.web import Application, FallbackHandler, RequestHandler
from tornado.wsgi import WSGIContainer
from werkzeug import Request, Response

from captcha_gate import decision_of, load_policy
from captcha_gate.wsgi import CaptchaGate

HERE = Path(__file__).parent

policy = load_policy(os.environ.get("CAPTCHA_POLICY") or HERE.parents[1] / "policies" / "login-yunpian.yaml")
yunpian = policy.providers["yunpian"]


@Request.application
def login(request: Request) -> Response:
    # Only requests with a solved CAPTCHA get here. The body is there as if nobody had read it.
    if (request.method, request.path) != ("POST", "/login"):
        return Response(status=404)
    decision = decision_of(request)
    told = {"hello": request.form["user"], "verified": decision is not None and decision.verified}
    return Response(json.dumps(told), mimetype="application/json")


class Page(RequestHandler):
    """Served by Tornado itself, so no gate stands before it: whatever needs one goes into the WSGI application."""

    def get(self) -> None:
        self.render("yunpian.html", script=yunpian.script, app_id=yunpian.site_key)


# The gate holds a thread while Yunpian is asked. Without an executor that would be the thread of Tornado's loop.
gated = WSGIContainer(CaptchaGate(login, policy), ThreadPoolExecutor(16))
app = Application([("/", Page), (".*", FallbackHandler, {"fallback": gated})], template_path=str(HERE / "pages"))


async def main() -> None:
    app.listen(8888, "127.0.0.1")
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
