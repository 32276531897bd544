"""Friendly Captcha, both versions, as rows of the siteverify family. Says what differs; does no I/O."""

from __future__ import annotations

from typing import Final

from captcha_gate.outcome import Reason
from captcha_gate.providers.siteverify import Asked, Encoding, Vendor, listed
from captcha_gate.providers.siteverify_reply import INVALID, OURS, Scale, Told
from captcha_gate.tokens.fields import VISIBLE, ClientField

__all__ = ["FriendlyV1", "FriendlyV2"]

#: Without what the widgets write into the field before they are done: `.UNSTARTED`, `.EXPIRED`, `.ERROR`, …
_SOLUTION: Final = rf"(?!\.){VISIBLE}"
_MAX_LENGTH: Final = 16384
#: No document says how long. Longer than any widget keeps a solution: the vendor's own small server keeps an hour.
_LIFETIME: Final = 3600.0

FriendlyV1 = listed(
    Vendor(
        type="friendly-v1",
        says="""A Friendly Captcha application, first version.

        `base_url: https://eu-api.friendlycaptcha.eu` keeps it in Europe. `secret` is an API key.

        Rules from docs.friendlycaptcha.com (v1): api (parameters, reply, codes with their status), csp.
        """,
        base_url="https://api.friendlycaptcha.com",
        script="https://cdn.jsdelivr.net/npm/friendly-challenge@0.9.20/widget.module.min.js",
        csp=(
            "https://cdn.jsdelivr.net/npm/",
            "https://api.friendlycaptcha.com",
            "https://eu-api.friendlycaptcha.eu",
            "'wasm-unsafe-eval'",
            "blob:",
        ),
        page_options={"puzzle_endpoint": "{base_url}/api/v1/puzzle"},
        field=ClientField("frc-captcha-solution", grammar=_SOLUTION, max_length=_MAX_LENGTH),
        lifetime=_LIFETIME,
        asked=Asked(path="/api/v1/siteverify", encoding=Encoding.JSON, response="solution", site_key="sitekey"),
        told=Told(
            errors=("errors",),
            reasons={
                "secret_missing": OURS,
                "secret_invalid": OURS,
                "solution_missing": INVALID,
                "solution_invalid": INVALID,
                "solution_timeout_or_duplicate": Reason.EXPIRED,
                "bad_request": INVALID,
            },
        ),
        experimental=True,
    )
)

FriendlyV2 = listed(
    Vendor(
        type="friendly-v2",
        says="""A Friendly Captcha application, second version.

        `base_url: https://eu.frcapi.com` keeps it in Europe. The score is that of Risk Intelligence, where the account
        has it: 1 is the best, 5 the worst. What the widget writes into the field before it is done (`.EXPIRED`,
        `.ERROR`, …) is refused without a call.

        The vendor advises to accept whatever could not be verified; here a policy decides that, and on less:
        `bad_request` and `response_missing`, which its packages count as that, stay the token's fault, for a client
        that could make them would open the gate. The codes that refuse our key are ours, and open nothing either.

        Rules from developer.friendlycaptcha.com/docs/v2: api/siteverify (request, replies, codes with their status),
        csp; the vendor's Python package, and the cases that its packages are tested with.
        """,
        base_url="https://global.frcapi.com",
        script="https://cdn.jsdelivr.net/npm/@friendlycaptcha/sdk@1.0.2/site.min.js",
        csp=("https://cdn.jsdelivr.net/npm/", "https://*.frcapi.com"),
        page_options={"api_endpoint": "{base_url}"},
        field=ClientField("frc-captcha-response", grammar=_SOLUTION, max_length=_MAX_LENGTH),
        lifetime=_LIFETIME,
        asked=Asked(path="/api/v2/captcha/siteverify", encoding=Encoding.JSON, header="X-API-Key", site_key="sitekey"),
        told=Told(
            errors=("error.error_code",),
            reasons={
                "auth_required": OURS,
                "auth_invalid": OURS,
                "sitekey_invalid": OURS,
                "method_not_allowed": OURS,
                "response_missing": INVALID,
                "response_invalid": INVALID,
                "response_timeout": Reason.EXPIRED,
                "response_duplicate": Reason.REPLAYED,
                "bad_request": INVALID,
            },
            score=Scale("data.risk_intelligence.risk_scores.overall", bot=5, human=1),
            hostname="data.challenge.origin",
            time="data.challenge.timestamp",
            detail=("data.event_id", "data.risk_intelligence.risk_scores"),
        ),
        credential="api_key",
    )
)
