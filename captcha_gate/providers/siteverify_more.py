"""More rows of the siteverify family, from their vendors' documents alone. Experimental: no other code confirms them.

MTCaptcha is missing: it is asked by GET with the private key in the URL, and URLs stand in logs.
"""

from __future__ import annotations

from typing import Final

from captcha_gate.outcome import Reason
from captcha_gate.providers.siteverify import Asked, Encoding, Vendor, listed
from captcha_gate.providers.siteverify_reply import Scale, Told
from captcha_gate.tokens.fields import VISIBLE, ClientField

__all__ = ["Cap", "Captchafox", "FriendlyV1", "Mcaptcha", "PrivateCaptcha", "Prosopo", "Yandex"]

_OURS: Final = Reason.BAD_CREDENTIALS

FriendlyV1 = listed(
    Vendor(
        type="friendly-v1",
        says="""A Friendly Captcha application, first version. Experimental.

        `base_url: https://eu-api.friendlycaptcha.eu` keeps it in Europe. `secret` is an API key.

        Rules from docs.friendlycaptcha.com (v1): api (parameters, reply, codes with their status).
        """,
        base_url="https://api.friendlycaptcha.com",
        script="https://cdn.jsdelivr.net/npm/friendly-challenge@0.9.20/widget.module.min.js",
        field=ClientField("frc-captcha-solution", grammar=rf"(?!\.){VISIBLE}", max_length=16384),
        # Friendly Captcha's own small server keeps twelve times five minutes.
        lifetime=3600,
        asked=Asked(path="/api/v1/siteverify", encoding=Encoding.JSON, response="solution", site_key="sitekey"),
        told=Told(
            errors=("errors",),
            reasons={"secret_missing": _OURS, "secret_invalid": _OURS, "solution_timeout_or_duplicate": Reason.EXPIRED},
        ),
    )
)

Cap = listed(
    Vendor(
        type="cap",
        says="""A site key of a Cap instance of one's own. Experimental.

        A wrong site key is answered as a wrong token is: `captcha-gate verify` cannot tell them apart.

        Rules from Cap's documents (guide/standalone) and server (tiagozip/cap).
        """,
        field=ClientField("cap-token", max_length=1024),
        lifetime=7200,
        asked=Asked(path="/{site_key}/siteverify", encoding=Encoding.JSON),
        told=Told(errors=("error",), reasons={"Invalid site key or secret": _OURS}),
    )
)

Mcaptcha = listed(
    Vendor(
        type="mcaptcha",
        says="""A site key of an mCaptcha instance of one's own. Experimental.

        A token is good for as long as the instance says for that key, 30 seconds if it says nothing.

        Rules from mCaptcha's server (src/api/v1/pow/verify_token.rs, src/errors.rs).
        """,
        field=ClientField("mcaptcha__token", max_length=4096),
        lifetime=3600,
        asked=Asked(path="/api/v1/pow/siteverify", encoding=Encoding.JSON, response="token", site_key="key"),
        told=Told(
            passes={"valid": True},
            errors=("error",),
            reasons={"Wrong password": _OURS, "Captcha not found.": _OURS},
        ),
    )
)

Prosopo = listed(
    Vendor(
        type="prosopo",
        says="""A Prosopo Procaptcha site key. Experimental.

        The score is a paid account's, and 1 is a bot. `base_url`: https://eu-api.prosopo.io, https://us-api.prosopo.io.

        Rules from docs.prosopo.io: basics/server-side-verification (parameters, reply, two to three minutes), faq.
        """,
        base_url="https://api.prosopo.io",
        script="https://js.prosopo.io/js/procaptcha.bundle.js",
        field=ClientField("procaptcha-response", max_length=16384),
        lifetime=900,
        asked=Asked(path="/siteverify", encoding=Encoding.JSON, response="token", client_ip="ip"),
        told=Told(
            passes={"verified": True},
            # Not `status`: its words are translated. Whose fault a reason is, its documents do not say.
            errors=("reason",),
            score=Scale("score", bot=1.0, human=0.0),
        ),
    )
)

Yandex = listed(
    Vendor(
        type="yandex",
        says="""A Yandex SmartCaptcha key. Experimental.

        A yes without a host is what Yandex tells everybody while it is out of order, or an account is not paid for:
        here that is `unavailable`.

        Rules from yandex.cloud/docs/smartcaptcha: concepts/validation (parameters, reply, messages, five minutes).
        """,
        base_url="https://smartcaptcha.yandexcloud.net",
        script="https://smartcaptcha.yandexcloud.net/captcha.js",
        field=ClientField("smart-token", max_length=4096),
        lifetime=300,
        asked=Asked(path="/validate", response="token", client_ip="ip"),
        told=Told(
            passes={"status": "ok"},
            errors=("message",),
            reasons={"Authentication failed*": _OURS},
            hostname="host",
            vouched="host",
        ),
    )
)

Captchafox = listed(
    Vendor(
        type="captchafox",
        says="""A CaptchaFox site key. Experimental.

        Rules from docs.captchafox.com: getting-started (parameters, reply, keys for tests).
        """,
        base_url="https://api.captchafox.com",
        script="https://cdn.captchafox.com/api.js",
        field=ClientField("cf-captcha-response", max_length=4096),
        lifetime=300,
        asked=Asked(path="/siteverify"),
        told=Told(
            reasons={"missing-input-secret": _OURS, "invalid-input-secret": _OURS},
            hostname="hostname",
            time="challenge_ts",
        ),
        test_keys=frozenset({"sk_11111111000000001111111100000000", "ok_11111111000000001111111100000000"}),
    )
)

PrivateCaptcha = listed(
    Vendor(
        type="private-captcha",
        says="""A Private Captcha property. Experimental.

        A pass is `success` and code 0: Private Captcha says `success`, too, of what was verified before, of its key for
        tests, and while it is under maintenance. `base_url: https://api.eu.privatecaptcha.com` keeps it in Europe.

        Rules from docs.privatecaptcha.com: reference/verify-api (request, reply, codes), reference/testing.
        """,
        base_url="https://api.privatecaptcha.com",
        script="https://cdn.privatecaptcha.com/widget/js/privatecaptcha.js",
        field=ClientField("private-captcha-solution", max_length=16384),
        lifetime=3600,
        asked=Asked(path="/verify", encoding=Encoding.RAW, header="X-API-Key", site_key_header="X-PC-Sitekey"),
        told=Told(
            passes={"success": True, "code": 0},
            errors=("code",),
            reasons={
                "2": Reason.REPLAYED,
                "5": Reason.EXPIRED,
                "8": Reason.REPLAYED,
                "9": Reason.PROVIDER_ERROR,
            },
            hostname="origin",
            time="timestamp",
        ),
        credential="api_key",
        test_keys=frozenset({"aaaaaaaabbbbccccddddeeeeeeeeeeee"}),
    )
)
