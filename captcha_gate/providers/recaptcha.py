"""Google reCAPTCHA: v2, v3 and Enterprise, as rows of the siteverify family. Says what differs; does no I/O."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final, Self
from urllib.parse import quote

from pydantic import Field, model_validator

from captcha_gate.outcome import Reason
from captcha_gate.providers.base import Label, Reports
from captcha_gate.providers.siteverify import Asked, Encoding, SiteverifyProvider, Vendor, listed
from captcha_gate.providers.siteverify_reply import GOOGLES, INVALID, OURS, Scale, Told
from captcha_gate.scalars import AccountId, Secret, problem
from captcha_gate.tokens.fields import ClientField

__all__ = ["RecaptchaEnterprise", "RecaptchaV2", "RecaptchaV3"]

_V2: Final = Vendor(
    type="recaptcha-v2",
    says="""A Google reCAPTCHA v2 key: the checkbox or the invisible one.

    `base_url: https://www.recaptcha.net` where google.com cannot be reached; `script` is to be had there, too.

    Rules from developers.google.com/recaptcha/docs: verify (parameters, reply, codes, two minutes, once), faq (keys for
    tests, Content-Security-Policy).
    """,
    base_url="https://www.google.com",
    script="https://www.google.com/recaptcha/api.js",
    csp=(
        "https://www.google.com/recaptcha/",
        "https://www.gstatic.com/recaptcha/",
        "https://recaptcha.google.com/recaptcha/",
    ),
    unsafe_styles=True,
    # Google states no grammar and no length; tokens of some two thousand characters are seen.
    field=ClientField("g-recaptcha-response", max_length=16384),
    lifetime=120,
    asked=Asked(path="/recaptcha/api/siteverify", client_ip="remoteip"),
    told=Told(
        reasons={
            **GOOGLES,
            "timeout-or-duplicate": Reason.EXPIRED,
            "browser-error": INVALID,
            # In no document, but in what sites that went over theirs were told.
            "Over free quota*": Reason.QUOTA,
            "Over Enterprise free quota*": Reason.QUOTA,
        },
        hostname="hostname",
        time="challenge_ts",
        detail=("apk_package_name",),
    ),
)

_V3: Final = replace(
    _V2,
    type="recaptcha-v3",
    says="""A Google reCAPTCHA v3 key: no challenge, a score.

    Google passes every genuine token, a bot's with a low score: a rule without `score` verifies next to nothing. Google
    suggests to begin with 0.5. `action` is the one that the page executed: a rule demands it with `bind`. A key that is
    over its quota may be told 0.9 for everybody.

    Rules from developers.google.com/recaptcha/docs: v3 (score, action, the script's address), verify (parameters,
    reply, codes).
    """,
    script="https://www.google.com/recaptcha/api.js?render={site_key}",
    told=replace(_V2.told, score=Scale("score"), action="action"),
    labels={
        Reports.ACTION: Label("[A-Za-z0-9/_]+", "Google allows letters, digits, '/' and '_' in an action (write login)")
    },
    only_scores=True,
)

_ENTERPRISE: Final = replace(
    _V3,
    type="recaptcha-enterprise",
    says="""A reCAPTCHA Enterprise key of a Google Cloud project: an assessment for each token, with a score.

    Either `api_key`, which the project restricts to this API, or `access_token`, an OAuth token of a service account
    that may assess (it goes into a header; who renews it starts the gate anew). Google finds every genuine token valid,
    a bot's with a low score: a rule without `score` verifies next to nothing.

    Rules from cloud.google.com/recaptcha/docs: create-assessment-website (request), interpret-assessment-website
    (reply, invalid reasons, score); the API key as a header from cloud.google.com/docs/authentication/api-keys-use, for
    in a URL it would stand in logs.
    """,
    base_url="https://recaptchaenterprise.googleapis.com",
    script="https://www.google.com/recaptcha/enterprise.js?render={site_key}",
    asked=Asked(
        path="/v1/projects/{project_id}/assessments",
        encoding=Encoding.JSON,
        inside="event",
        response="token",
        site_key="siteKey",
        client_ip="userIpAddress",
        header="X-Goog-Api-Key",
    ),
    told=Told(
        passes={"tokenProperties.valid": True},
        errors=("tokenProperties.invalidReason", "error.status"),
        reasons={
            "EXPIRED": Reason.EXPIRED,
            "DUPE": Reason.REPLAYED,
            "UNEXPECTED_ACTION": Reason.ACTION_MISMATCH,
            "DOMAIN_MISMATCH": Reason.HOSTNAME_MISMATCH,
            # A token that is malformed, or another key's, is told with `valid: false`; these are refusals of us.
            "INVALID_ARGUMENT": OURS,
            "FAILED_PRECONDITION": OURS,
            "UNAUTHENTICATED": OURS,
            "PERMISSION_DENIED": OURS,
            "NOT_FOUND": OURS,
        },
        score=Scale("riskAnalysis.score"),
        action="tokenProperties.action",
        hostname="tokenProperties.hostname",
        time="tokenProperties.createTime",
        zeros={"tokenProperties.valid": False, "riskAnalysis.score": 0.0},
        vetoes={"riskAnalysis.challenge": "FAILED"},
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
)


class _Project(SiteverifyProvider):
    """What Enterprise has besides a row: the project, and two ways to be known."""

    project_id: AccountId
    access_token: Secret | None = None

    @model_validator(mode="after")
    def _is_known_in_one_way(self) -> Self:
        if (self.secret is None) is (self.access_token is None):
            raise problem("expected one of api_key and access_token (write api_key: ${GOOGLE_API_KEY})")
        return self

    def in_path(self) -> Mapping[str, str]:
        return {**super().in_path(), "project_id": quote(self.project_id, safe="")}

    def headers(self) -> dict[str, str]:
        bearer = self.access_token
        return {"Authorization": f"Bearer {bearer.get_secret_value()}"} if bearer is not None else super().headers()


RecaptchaV2 = listed(replace(_V2, sizes=("normal", "compact", "invisible")))
RecaptchaV3 = listed(_V3)
RecaptchaEnterprise = listed(_ENTERPRISE, _Project, secret=(Secret | None, Field(default=None, alias="api_key")))
