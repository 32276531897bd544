"""Django and its templates: the same form as in flask_jinja.py, in one file.

ALTCHA_KEY=... CAPTCHA_GATE_SECRET_KEY=... waitress-serve examples.forms.django_templates:app
"""

from __future__ import annotations

import secrets
from pathlib import Path

from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import path
from django.views.decorators.http import require_GET, require_POST

from captcha_gate import widget
from captcha_gate.wsgi import CaptchaGate

HERE = Path(__file__).parent

settings.configure(
    ALLOWED_HOSTS=["localhost", "127.0.0.1"],
    ROOT_URLCONF=__name__,
    SECRET_KEY=secrets.token_urlsafe(),  # signs nothing here
    TEMPLATES=[{"BACKEND": "django.template.backends.django.DjangoTemplates", "DIRS": [HERE / "templates"]}],
)
comments: list[str] = []


def page(request: HttpRequest, status: int = 200, **values: str) -> HttpResponse:
    return render(
        request, "comments.html", {"comments": comments, "captcha": widget("comments"), **values}, status=status
    )


@require_GET
def index(request: HttpRequest) -> HttpResponse:
    return page(request)


@require_POST
def comment(request: HttpRequest) -> HttpResponse:
    # Only requests with a solved CAPTCHA, a clearance or forgiveness get here.
    text = request.POST["text"].strip()
    if len(text) < 5:
        return page(request, 422, text=text, problem="Please write a little more.")
    comments.append(text)
    return page(request)


urlpatterns = [path("", index), path("comments", comment)]
app = CaptchaGate(get_wsgi_application(), HERE / "policy.yaml")
