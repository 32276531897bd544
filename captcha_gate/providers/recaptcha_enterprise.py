"""Google reCAPTCHA Enterprise: an assessment for each token, with a score. Does no I/O.

Rules from cloud.google.com/recaptcha/docs: create-assessment-website (request), interpret-assessment-website (reply,
invalid reasons, score); the API key as a header from cloud.google.com/docs/authentication/api-keys-use, for in a URL it
would stand in logs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar, Final, Literal
from urllib.parse import quote

import httpx
from pydantic import Field

from captcha_gate.decision import Verdict
from captcha_gate.outcome import Outcome, Reason
from captcha_gate.providers.base import address, judged
from captcha_gate.providers.context import Context
from captcha_gate.providers.siteverify import Asked, Encoding, SiteverifyProvider, Vendor, client_address
from captcha_gate.providers.siteverify_reply import Scale, Told, found
from captcha_gate.providers.siteverify_vendors import GOOGLE_LIFETIME, GOOGLE_TOKEN
from captcha_gate.scalars import BaseUrl, ScriptUrl, Secret, Text

__all__ = ["RecaptchaEnterprise"]

_OURS: Final = Reason.BAD_CREDENTIALS

_ROW: Final = Vendor(
    type="recaptcha-enterprise",
    says="",
    field=GOOGLE_TOKEN,
    lifetime=GOOGLE_LIFETIME,
    asked=Asked(path="/v1/projects/{project}/assessments", encoding=Encoding.JSON, header="X-Goog-Api-Key"),
    told=Told(
        passes={"tokenProperties.valid": True},
        errors=("tokenProperties.invalidReason", "error.status"),
        reasons={
            "EXPIRED": Reason.EXPIRED,
            "DUPE": Reason.REPLAYED,
            "UNEXPECTED_ACTION": Reason.ACTION_MISMATCH,
            "DOMAIN_MISMATCH": Reason.HOSTNAME_MISMATCH,
            # A token that is malformed, or another key's, is told with `valid: false`; these are refusals of us.
            "INVALID_ARGUMENT": _OURS,
            "FAILED_PRECONDITION": _OURS,
            "UNAUTHENTICATED": _OURS,
            "PERMISSION_DENIED": _OURS,
            "NOT_FOUND": _OURS,
        },
        score=Scale("riskAnalysis.score"),
        action="tokenProperties.action",
        hostname="tokenProperties.hostname",
        time="tokenProperties.createTime",
        detail=(
            "name",
            "riskAnalysis.reasons",
            "riskAnalysis.extendedVerdictReasons",
            "riskAnalysis.challenge",
            "tokenProperties.androidPackageName",
            "tokenProperties.iosBundleId",
        ),
    ),
    credential="api_key",
    only_scores=True,
)


class RecaptchaEnterprise(SiteverifyProvider):
    """A key of a Google Cloud project. `api_key` is the project's, restricted to the reCAPTCHA Enterprise API.

    Google finds every genuine token valid, a bot's with a low score: a rule without `score` verifies next to nothing.
    """

    type: Literal["recaptcha-enterprise"]
    project_id: Text
    key_of_page: Text = Field(alias="site_key")
    secret: Secret = Field(alias="api_key")
    base_url: BaseUrl = "https://recaptchaenterprise.googleapis.com"
    script: ScriptUrl | None = "https://www.google.com/recaptcha/enterprise.js"

    row: ClassVar = _ROW
    client_fields: ClassVar = (GOOGLE_TOKEN,)
    reports: ClassVar = _ROW.told.reports
    only_scores: ClassVar = True

    def request(self, token: str, context: Context) -> httpx.Request:
        event = {"token": token, "siteKey": self.key_of_page}
        ip = client_address(context)
        return httpx.Request(
            "POST",
            address(self.base_url + _ROW.asked.path.replace("{project}", quote(self.project_id, safe=""))),
            headers={"X-Goog-Api-Key": self.secret.get_secret_value()},
            json={"event": event if ip is None else {**event, "userIpAddress": ip}},
        )

    def judge(self, response: httpx.Response) -> Verdict:
        return judged(response, lambda reply: _verdict(_completed(reply), response.status_code))


def _completed(reply: Mapping[str, Any]) -> dict[str, Any]:
    """The reply with what proto3's JSON may leave out of a message that is there: what is false or zero."""
    absent: dict[str, dict[str, Any]] = {"tokenProperties": {"valid": False}, "riskAnalysis": {"score": 0.0}}
    there = {name: zero | reply[name] for name, zero in absent.items() if isinstance(reply.get(name), dict)}
    return {**reply, **there}


def _verdict(reply: Mapping[str, Any], status: int) -> Verdict:
    verdict = _ROW.told.verdict(reply, status)
    if verdict.outcome is Outcome.PASSED and found(reply, "riskAnalysis.challenge") == "FAILED":
        return replace(verdict, outcome=Outcome.FAILED, reason=Reason.INVALID_TOKEN, provider_reason="challenge FAILED")
    return verdict
