"""Django and GeeTest v4, in one file. The page sends JSON.

GEETEST_ID=... GEETEST_KEY=... waitress-serve examples.vendors.django_geetest_v4:app
"""

from __future__ import annotations

import json
import os
import secrets
from pathlib import Path

from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.urls import path
from django.views.decorators.http import require_GET, require_POST

from captcha_gate import decision_of, load_policy
from captcha_gate.wsgi import CaptchaGate

HERE = Path(__file__).parent

policy = load_policy(os.environ.get("CAPTCHA_POLICY") or HERE.parents[1] / "policies" / "login-geetest.yaml")
geetest = policy.providers["geetest"]

settings.configure(
    ALLOWED_HOSTS=["localhost", "127.0.0.1"],
    ROOT_URLCONF=__name__,
    SECRET_KEY=secrets.token_urlsafe(),  # signs nothing here
    # A site's middleware (sessions, CSRF) goes here as ever. It runs behind the gate.
    TEMPLATES=[{"BACKEND": "django.template.backends.django.DjangoTemplates", "DIRS": [HERE / "pages"]}],
)


@require_GET
def page(request: HttpRequest) -> HttpResponse:
    return render(request, "geetest-v4.html", {"script": geetest.script, "captcha_id": geetest.site_key})


@require_POST
def login(request: HttpRequest) -> HttpResponse:
    # Only requests with a solved CAPTCHA get here. The body is there as if nobody had read it.
    decision = decision_of(request)
    user = json.loads(request.body)["user"]
    return JsonResponse({"hello": user, "verified": decision is not None and decision.verified})


urlpatterns = [path("", page), path("login", login)]
app = CaptchaGate(get_wsgi_application(), policy)
