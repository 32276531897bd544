"""The forms of examples/forms: the same one by Jinja and by Django's templates, sent as a script would send it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
VISIT = """
import sys
import altcha, httpx
import captcha_gate.providers.altcha as provider
provider.MAX_COUNTER = 20
from {module} import app

with httpx.Client(transport=httpx.WSGITransport(app), base_url="http://localhost") as http:
    page = http.get("/").text
    assert 'data-captcha-gate="comments"' in page
    assert '<div data-captcha-gate-widget="comments"></div><script src="/captcha-gate/gate.js"' in page
    assert http.post("/comments", data={{"text": "hello there"}}).status_code == 403
    challenge = altcha.Challenge.from_dict(http.get("/captcha-gate/pow/challenge").json())
    answer = altcha.Payload(challenge, altcha.solve_challenge(challenge)).to_base64()
    short = http.post("/comments", data={{"text": "hm", "altcha": answer}})
    assert (short.status_code, "a little more" in short.text) == (422, True)
    texts = [f"comment number {{number}}" for number in range(5)]
    statuses = [http.post("/comments", data={{"text": text}}).status_code for text in texts]
    assert statuses == [200] * 4 + [403], statuses  # three uses, and one try that is forgiven
    assert "comment number 3" in http.get("/").text
"""


@pytest.mark.parametrize("module", ["examples.forms.flask_jinja", "examples.forms.django_templates"])
def test_one_captcha_is_good_for_a_few_comments_and_a_short_one_is_forgiven(module):
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "ALTCHA_KEY": "a long random text for the examples",
        "CAPTCHA_GATE_SECRET_KEY": "another long random text for the examples",
    }
    ran = subprocess.run(
        [sys.executable, "-c", VISIT.format(module=module)],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
