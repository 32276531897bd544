"""Plain WSGI: no framework at all.

ALTCHA_KEY=... waitress-serve examples.wsgi_app:app
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

from captcha_gate import decision_of
from captcha_gate.wsgi import CaptchaGate


def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    answer: dict[str, object] = {"post": "/login"}
    if environ["PATH_INFO"] == "/login" and environ["REQUEST_METHOD"] == "POST":
        # Only requests with a solved CAPTCHA get here. The body is there as if nobody had read it.
        form = parse_qs(environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"])).decode())
        decision = decision_of(environ)
        answer = {"hello": form["user"][0], "verified": decision is not None and decision.verified}
    start_response("200 OK", [("Content-Type", "application/json")])
    return [json.dumps(answer).encode()]


app = CaptchaGate(application, policy=Path(__file__).with_name("policy.yaml"))
