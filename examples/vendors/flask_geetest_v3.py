"""Flask and GeeTest v3. The page is a plain form; the gate itself gives GeeTest's challenges out.

GEETEST_V3_ID=... GEETEST_V3_KEY=... flask --app examples.vendors.flask_geetest_v3 run
"""

from __future__ import annotations

import os
from pathlib import Path

from flask import Flask, render_template, request
from markupsafe import escape

from captcha_gate import decision_of, load_policy
from captcha_gate.wsgi import CaptchaGate

POLICIES = Path(__file__).parents[2] / "policies"

policy = load_policy(os.environ.get("CAPTCHA_POLICY") or POLICIES / "login-geetest-v3.yaml")
geetest = policy.providers["geetest"]

app = Flask(__name__, template_folder="pages")
app.wsgi_app = CaptchaGate(app.wsgi_app, policy)  # type: ignore[method-assign]


@app.get("/")
def page() -> str:
    challenge = geetest.challenge_path or f"{policy.prefix}/geetest/challenge"
    return render_template("geetest-v3.html", script=geetest.script, challenge=challenge)


@app.post("/login")
def login() -> str:
    # Only requests with a solved CAPTCHA get here; during an outage also others, if the policy lets them in.
    decision = decision_of(request)
    how = "verified" if decision is not None and decision.verified else "not verified"
    return f"<!doctype html><title>Welcome</title><h1>Welcome, {escape(request.form['user'])}</h1><p>CAPTCHA: {how}</p>"
