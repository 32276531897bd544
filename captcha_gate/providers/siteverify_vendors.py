"""Rows of the siteverify family that others' code confirms: Turnstile, hCaptcha, reCAPTCHA, Friendly Captcha v2.

A new vendor is a new row (and a line in `registry`). The names in a row are the vendor's, and so is what is a pass.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from captcha_gate.outcome import Reason
from captcha_gate.providers.siteverify import Asked, Encoding, Vendor, listed
from captcha_gate.providers.siteverify_reply import Scale, Told
from captcha_gate.tokens.fields import VISIBLE, ClientField

__all__ = ["GOOGLE_LIFETIME", "GOOGLE_TOKEN", "FriendlyV2", "Hcaptcha", "RecaptchaV2", "RecaptchaV3", "Turnstile"]

_OURS: Final = Reason.BAD_CREDENTIALS
#: What Google began and the others copied. The response codes blame the token, as any code does that is not listed.
_SECRETS: Final[Mapping[str, Reason]] = MappingProxyType({"missing-input-secret": _OURS, "invalid-input-secret": _OURS})

Turnstile = listed(
    Vendor(
        type="turnstile",
        says="""A Cloudflare Turnstile widget.

        `action` and `cdata` are those of the page's widget: a rule demands them with `bind`. A question that may have
        got lost on the way is asked once more, under an idempotency key of its own, random for each request.

        Rules from developers.cloudflare.com/turnstile: get-started/server-side-validation (parameters, reply, codes,
        limits, retries), troubleshooting/testing (keys).
        """,
        base_url="https://challenges.cloudflare.com",
        script="https://challenges.cloudflare.com/turnstile/v0/api.js",
        field=ClientField("cf-turnstile-response", max_length=2048),
        lifetime=300,
        asked=Asked(
            path="/turnstile/v0/siteverify",
            client_ip="remoteip",
            idempotency_key="idempotency_key",
            repeat_on=frozenset({"internal-error"}),
        ),
        told=Told(
            # A duplicate that this gate knows of never gets there.
            reasons={
                **_SECRETS,
                "timeout-or-duplicate": Reason.EXPIRED,
                "internal-error": Reason.PROVIDER_ERROR,
            },
            action="action",
            hostname="hostname",
            cdata="cdata",
            time="challenge_ts",
            detail=("metadata",),
        ),
        test_keys=frozenset(
            {
                "1x00000000000000000000AA",
                "2x00000000000000000000AB",
                "1x00000000000000000000BB",
                "2x00000000000000000000BB",
                "3x00000000000000000000FF",
                "1x0000000000000000000000000000000AA",
                "2x0000000000000000000000000000000AA",
                "3x0000000000000000000000000000000AA",
            }
        ),
    )
)

Hcaptcha = listed(
    Vendor(
        type="hcaptcha",
        says="""An hCaptcha account.

        The score is an Enterprise account's, and counts risk: 0 is none. A hostname may be the word `not-provided`.

        Rules from docs.hcaptcha.com: "Verify the User Response Server Side" (a form only; parameters, reply, codes),
        "Integration Testing: Test Keys", enterprise (score); codes that these leave out from its WordPress plugin.
        """,
        base_url="https://api.hcaptcha.com",
        script="https://js.hcaptcha.com/1/api.js",
        field=ClientField("h-captcha-response", max_length=16384),
        lifetime=120,
        asked=Asked(path="/siteverify", site_key="sitekey", client_ip="remoteip"),
        told=Told(
            # Not here, so that they blame the token: sitekey-secret-mismatch and not-using-dummy-*. A client makes them
            # with a token of another site's key, or with a published one.
            reasons={
                **_SECRETS,
                "invalid-sitekey": _OURS,
                "missing-remoteip": _OURS,
                "invalid-remoteip": _OURS,
                "expired-input-response": Reason.EXPIRED,
                "already-seen-response": Reason.REPLAYED,
            },
            score=Scale("score", bot=1.0, human=0.0),
            hostname="hostname",
            time="challenge_ts",
            detail=("score_reason", "credit"),
        ),
        test_keys=frozenset(
            {
                "10000000-ffff-ffff-ffff-000000000001",
                "20000000-ffff-ffff-ffff-000000000002",
                "30000000-ffff-ffff-ffff-000000000003",
                "0x0000000000000000000000000000000000000000",
            }
        ),
    )
)

#: Google states no grammar and no length; tokens of some two thousand characters are seen.
GOOGLE_TOKEN: Final = ClientField("g-recaptcha-response", max_length=16384)
GOOGLE_LIFETIME: Final = 120.0
_GOOGLE: Final = Asked(path="/recaptcha/api/siteverify", client_ip="remoteip")
_GOOGLE_REASONS: Final[Mapping[str, Reason]] = MappingProxyType(
    {
        **_SECRETS,
        "timeout-or-duplicate": Reason.EXPIRED,
        # In no document, but in what sites that went over theirs were told.
        "Over free quota*": Reason.QUOTA,
        "Over Enterprise free quota*": Reason.QUOTA,
    }
)

RecaptchaV2 = listed(
    Vendor(
        type="recaptcha-v2",
        says="""A Google reCAPTCHA v2 key: the checkbox or the invisible one.

        `base_url: https://www.recaptcha.net` where google.com cannot be reached; `script` is to be had there, too.

        Rules from developers.google.com/recaptcha/docs: verify (parameters, reply, codes, two minutes, once), faq (the
        keys for tests).
        """,
        base_url="https://www.google.com",
        script="https://www.google.com/recaptcha/api.js",
        field=GOOGLE_TOKEN,
        lifetime=GOOGLE_LIFETIME,
        asked=_GOOGLE,
        told=Told(reasons=_GOOGLE_REASONS, hostname="hostname", time="challenge_ts", detail=("apk_package_name",)),
        test_keys=frozenset({"6LeIxAcTAAAAAJcZVRqyHh71UMIEGNQ_MXjiZKhI", "6LeIxAcTAAAAAGG-vFI1TnRWxMZNFuojJ4WifJWe"}),
    )
)

RecaptchaV3 = listed(
    Vendor(
        type="recaptcha-v3",
        says="""A Google reCAPTCHA v3 key: no challenge, a score.

        Google passes every genuine token, a bot's with a low score: a rule without `score` verifies next to nothing.
        Google suggests to begin with 0.5. `action` is the one that the page executed: a rule demands it with `bind`. A
        key that is over its quota may be told 0.9 for everybody.

        Rules from developers.google.com/recaptcha/docs: v3 (score, action), verify (parameters, reply, codes).
        """,
        base_url="https://www.google.com",
        script="https://www.google.com/recaptcha/api.js",
        field=GOOGLE_TOKEN,
        lifetime=GOOGLE_LIFETIME,
        asked=_GOOGLE,
        told=Told(
            reasons=_GOOGLE_REASONS,
            score=Scale("score"),
            action="action",
            hostname="hostname",
            time="challenge_ts",
            detail=("apk_package_name",),
        ),
        only_scores=True,
    )
)

FriendlyV2 = listed(
    Vendor(
        type="friendly-v2",
        says="""A Friendly Captcha application, second version.

        `base_url: https://eu.frcapi.com` keeps it in Europe. The score is that of Risk Intelligence, where the account
        has it: 1 is the best, 5 the worst. What the widget writes into the field before it is done (`.EXPIRED`,
        `.ERROR`, …) is refused without a call. The vendor advises to accept whatever could not be verified: here a
        policy decides that.

        Rules from developer.friendlycaptcha.com/docs/v2: api/siteverify (request, replies, codes with their status),
        the vendor's Python SDK and the replies that its SDKs are tested with (risk scores).
        """,
        base_url="https://global.frcapi.com",
        script="https://cdn.jsdelivr.net/npm/@friendlycaptcha/sdk@1.0.2/site.min.js",
        field=ClientField("frc-captcha-response", grammar=rf"(?!\.){VISIBLE}", max_length=16384),
        # No document says how long. Longer than any widget keeps a solution.
        lifetime=3600,
        asked=Asked(path="/api/v2/captcha/siteverify", encoding=Encoding.JSON, header="X-API-Key", site_key="sitekey"),
        told=Told(
            errors=("error.error_code",),
            reasons={
                "auth_required": _OURS,
                "auth_invalid": _OURS,
                "sitekey_invalid": _OURS,
                "method_not_allowed": _OURS,
                "response_timeout": Reason.EXPIRED,
                "response_duplicate": Reason.REPLAYED,
            },
            score=Scale("data.risk_intelligence.risk_scores.overall", bot=5, human=1),
            hostname="data.challenge.origin",
            time="data.challenge.timestamp",
            detail=("data.event_id", "data.risk_intelligence.risk_scores"),
        ),
        credential="api_key",
    )
)
