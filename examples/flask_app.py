"""Flask: the gate wraps `wsgi_app`, so that `app.run()` and every server see it.

ALTCHA_KEY=... flask --app examples.flask_app run
"""

from __future__ import annotations

from pathlib import Path

from flask import Flask, request

from captcha_gate import decision_of
from captcha_gate.wsgi import CaptchaGate

app = Flask(__name__)
app.wsgi_app = CaptchaGate(app.wsgi_app, policy=Path(__file__).with_name("policy.yaml"))  # type: ignore[method-assign]


@app.post("/login")
def login() -> dict[str, object]:
    # Only requests with a solved CAPTCHA get here.
    decision = decision_of(request)
    return {"hello": request.form["user"], "verified": decision is not None and decision.verified}


@app.get("/")
def index() -> dict[str, str]:
    return {"post": "/login"}
