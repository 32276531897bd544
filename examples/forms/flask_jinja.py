"""Flask and Jinja: a form that gets its CAPTCHA by one line in the template, and a Content-Security-Policy with nonces.

ALTCHA_KEY=... CAPTCHA_GATE_SECRET_KEY=... flask --app examples.forms.flask_jinja run
"""

from __future__ import annotations

import secrets
from pathlib import Path

from flask import Flask, Response, make_response, render_template, request

from captcha_gate import widget
from captcha_gate.wsgi import CaptchaGate

app = Flask(__name__)
app.wsgi_app = CaptchaGate(app.wsgi_app, policy=Path(__file__).with_name("policy.yaml"))  # type: ignore[method-assign]
comments: list[str] = []


def page(status: int = 200, **values: str) -> Response:
    nonce = secrets.token_urlsafe(16)
    text = render_template("comments.html", comments=comments, captcha=widget("comments", nonce=nonce), **values)
    response = make_response(text, status)
    # The embedded proof of work needs no more than this: its script, its workers, and the gate.
    response.headers["Content-Security-Policy"] = (
        f"default-src 'none'; script-src 'nonce-{nonce}'; worker-src 'self'; connect-src 'self'; form-action 'self'"
    )
    return response


@app.get("/")
def index() -> Response:
    return page()


@app.post("/comments")
def comment() -> Response:
    # Only requests with a solved CAPTCHA, a clearance or forgiveness get here.
    text = request.form["text"].strip()
    if len(text) < 5:
        return page(422, text=text, problem="Please write a little more.")
    comments.append(text)
    return page()
