"""Rows of the siteverify family, one for each vendor that has a single product. Says what differs; does no I/O.

A new vendor is a new row (and a line in `registry`). The names in a row are the vendor's, and so is what is a pass.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from captcha_gate.outcome import Reason
from captcha_gate.providers.base import AlsoFills, Label, Reports
from captcha_gate.providers.siteverify import Asked, Encoding, Vendor, listed
from captcha_gate.providers.siteverify_reply import GOOGLES, INVALID, OURS, Scale, Told
from captcha_gate.tokens.fields import ClientField

__all__ = ["Captchafox", "Hcaptcha", "Mtcaptcha", "PrivateCaptcha", "Prosopo", "Turnstile", "Yandex"]

Turnstile = listed(
    Vendor(
        type="turnstile",
        says="""A Cloudflare Turnstile widget.

        `action` and `cdata` are those of the page's widget: a rule demands them with `bind`. A question that may have
        got lost on the way is asked once more, under an idempotency key of its own, random for each request. So is
        one that was answered `internal-error`; told again, that is `unavailable`, and an answer, so it opens no rule.

        Rules from developers.cloudflare.com/turnstile: get-started/server-side-validation (parameters, reply, codes,
        limits, retries), get-started/client-side-rendering (limits), reference/content-security-policy.
        """,
        base_url="https://challenges.cloudflare.com",
        script="https://challenges.cloudflare.com/turnstile/v0/api.js",
        csp=("https://challenges.cloudflare.com",),
        sizes=("normal", "flexible", "compact"),
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
                **GOOGLES,
                "timeout-or-duplicate": Reason.EXPIRED,
                "internal-error": Reason.PROVIDER_ERROR,
            },
            action="action",
            hostname="hostname",
            cdata="cdata",
            time="challenge_ts",
            detail=("metadata",),
        ),
        labels={
            Reports.ACTION: Label(
                "[A-Za-z0-9_-]{1,32}", "Turnstile allows 32 letters, digits, '_' and '-' in an action (write login)"
            ),
            Reports.CDATA: Label(
                "[A-Za-z0-9_-]{1,255}", "Turnstile allows 255 letters, digits, '_' and '-' in cdata (write session-1)"
            ),
        },
        also_fills=AlsoFills("g-recaptcha-response", off="without compat=recaptcha", on="compat=recaptcha"),
    )
)

Hcaptcha = listed(
    Vendor(
        type="hcaptcha",
        says="""An hCaptcha account.

        The score is an Enterprise account's, and counts risk: 0 is none. Where hCaptcha tells no host, it says
        `not-provided`: then there is none. Its widget writes `g-recaptcha-response`, too, unless its script is loaded
        with `recaptchacompat=off`, as the one in `script` is.

        Rules from docs.hcaptcha.com: "Verify the User Response Server Side" (a form only; parameters, reply, codes),
        "Content-Security-Policy Settings", configuration (the script's address), enterprise (score); codes that these
        leave out from its WordPress plugin.
        """,
        base_url="https://api.hcaptcha.com",
        script="https://js.hcaptcha.com/1/api.js?recaptchacompat=off",
        csp=("https://hcaptcha.com", "https://*.hcaptcha.com"),
        sizes=("normal", "compact", "invisible"),
        field=ClientField("h-captcha-response", max_length=16384),
        lifetime=120,
        asked=Asked(path="/siteverify", site_key="sitekey", client_ip="remoteip"),
        told=Told(
            reasons={
                **GOOGLES,
                # A client makes these with a token of another site's key, or with a published one.
                "sitekey-secret-mismatch": INVALID,
                "not-using-dummy-passcode": INVALID,
                "not-using-dummy-secret": INVALID,
                "invalid-or-already-seen-response": INVALID,
                "invalid-sitekey": OURS,
                "missing-remoteip": OURS,
                "invalid-remoteip": OURS,
                "expired-input-response": Reason.EXPIRED,
                "already-seen-response": Reason.REPLAYED,
            },
            score=Scale("score", bot=1.0, human=0.0),
            hostname="hostname",
            no_host="not-provided",
            time="challenge_ts",
            detail=("score_reason", "credit"),
        ),
        also_fills=AlsoFills("g-recaptcha-response", off="with recaptchacompat=off"),
    )
)

Prosopo = listed(
    Vendor(
        type="prosopo",
        says="""A Prosopo Procaptcha site key.

        The score is a paid account's, and 1 is a bot. `base_url`: https://eu-api.prosopo.io, https://us-api.prosopo.io.

        Rules from docs.prosopo.io: basics/server-side-verification (parameters, reply, two to three minutes), faq.
        """,
        base_url="https://api.prosopo.io",
        script="https://js.prosopo.io/js/procaptcha.bundle.js",
        csp=("https://js.prosopo.io", "https://*.prosopo.io"),
        unsafe_styles=True,
        field=ClientField("procaptcha-response", max_length=16384),
        lifetime=900,
        asked=Asked(path="/siteverify", encoding=Encoding.JSON, response="token", client_ip="ip"),
        told=Told(
            passes={"verified": True},
            # Not `status`: its words are translated. Whose fault a reason is, its documents do not say: the token's.
            errors=("reason",),
            reasons={"*": INVALID},
            score=Scale("score", bot=1.0, human=0.0),
        ),
        experimental=True,
    )
)

Yandex = listed(
    Vendor(
        type="yandex",
        says="""A Yandex SmartCaptcha key.

        A yes without a host is what Yandex tells everybody while it is out of order, or an account is not paid for:
        here that is `unavailable`. It is an answer, too, so that it opens no rule.

        Rules from yandex.cloud/docs/smartcaptcha: concepts/validation (parameters, reply, messages, five minutes).
        """,
        base_url="https://smartcaptcha.yandexcloud.net",
        script="https://smartcaptcha.yandexcloud.net/captcha.js",
        csp=("https://smartcaptcha.yandexcloud.net",),
        unsafe_styles=True,
        field=ClientField("smart-token", max_length=4096),
        lifetime=300,
        asked=Asked(path="/validate", response="token", client_ip="ip"),
        told=Told(
            passes={"status": "ok"},
            errors=("message",),
            reasons={
                "Authentication failed*": OURS,
                # The address is one that we told.
                "Invalid IP.": OURS,
                "Token invalid or expired.": INVALID,
            },
            hostname="host",
            vouched="host",
        ),
        experimental=True,
    )
)

Captchafox = listed(
    Vendor(
        type="captchafox",
        says="""A CaptchaFox site key.

        Rules from docs.captchafox.com: getting-started (parameters, reply, keys for tests).
        """,
        base_url="https://api.captchafox.com",
        script="https://cdn.captchafox.com/api.js",
        csp=("https://cdn.captchafox.com", "https://*.captchafox.com"),
        unsafe_styles=True,
        field=ClientField("cf-captcha-response", max_length=4096),
        lifetime=300,
        asked=Asked(path="/siteverify"),
        told=Told(reasons=GOOGLES, hostname="hostname", time="challenge_ts"),
        experimental=True,
    )
)

Mtcaptcha = listed(
    Vendor(
        type="mtcaptcha",
        says="""An MTCaptcha site key.

        MTCaptcha is asked by GET, with the private key in the URL, for it knows no other way. The gate's calls log no
        URL, those through an `http_client` of yours neither.

        Rules from docs.mtcaptcha.com: dev-guide-validate-token (request, reply, codes, one to two minutes, once).
        """,
        base_url="https://service.mtcaptcha.com",
        script="https://service.mtcaptcha.com/mtcv1/client/mtcaptcha.min.js",
        csp=("https://service.mtcaptcha.com", "https://service2.mtcaptcha.com"),
        unsafe_styles=True,
        field=ClientField("mtcaptcha-verifiedtoken", max_length=8192),
        lifetime=120,
        asked=Asked(
            path="/mtcv1/api/checktoken",
            encoding=Encoding.QUERY,
            response="token",
            secret="privatekey",  # noqa: S106
        ),
        told=Told(
            errors=("fail_codes",),
            reasons={
                "missing-input-privatekey": OURS,
                "invalid-privatekey": OURS,
                "expired-sitekey-or-account": Reason.QUOTA,
                "token-expired": Reason.EXPIRED,
                "token-duplicate-cal": Reason.REPLAYED,
                "bad-request": INVALID,
                "missing-input-token": INVALID,
                "invalid-token": INVALID,
                "invalid-token-faildecrypt": INVALID,
                # A token of another site's is any client's to send.
                "privatekey-mismatch-token": INVALID,
            },
            action="tokeninfo.action",
            hostname="tokeninfo.hostname",
            time="tokeninfo.timestampISO",
            detail=("tokeninfo.code", "tokeninfo.isDevHost", "tokeninfo.riskType", "tokeninfo.riskInfo"),
        ),
        credential="private_key",
        experimental=True,
    )
)

_PRIVATE_TOLD: Final = Told(
    passes={"success": True, "code": 0},
    errors=("code",),
    reasons={"2": Reason.REPLAYED, "5": Reason.EXPIRED, "8": Reason.REPLAYED, "9": Reason.PROVIDER_ERROR},
    hostname="origin",
    time="timestamp",
)

PrivateCaptcha = listed(
    Vendor(
        type="private-captcha",
        says="""A Private Captcha property.

        A pass is `success` and code 0: Private Captcha says `success`, too, of what was verified before (8), while it
        is under maintenance (9: `unavailable`, and an answer, so that it opens no rule), and of its key for tests (10),
        which passes with that key alone.
        `base_url: https://api.eu.privatecaptcha.com` keeps it in Europe.

        Rules from docs.privatecaptcha.com: reference/verify-api (request, reply, codes), reference/testing.
        """,
        base_url="https://api.privatecaptcha.com",
        script="https://cdn.privatecaptcha.com/widget/js/privatecaptcha.js",
        csp=("https://*.privatecaptcha.com", "blob:"),
        unsafe_styles=True,
        field=ClientField("private-captcha-solution", max_length=16384),
        lifetime=3600,
        asked=Asked(path="/verify", encoding=Encoding.RAW, header="X-API-Key", site_key_header="X-PC-Sitekey"),
        told=_PRIVATE_TOLD,
        told_of_tests=replace(_PRIVATE_TOLD, passes={"success": True, "code": 10}),
        credential="api_key",
        experimental=True,
    )
)
