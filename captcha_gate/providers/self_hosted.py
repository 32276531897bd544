"""Servers of one's own, as rows of the siteverify family: Cap and mCaptcha. Says what differs; does no I/O."""

from __future__ import annotations

from captcha_gate.outcome import Reason
from captcha_gate.providers.siteverify import Asked, Encoding, Vendor, listed
from captcha_gate.providers.siteverify_reply import INVALID, OURS, Told
from captcha_gate.tokens.fields import ClientField

__all__ = ["Cap", "Mcaptcha"]

Cap = listed(
    Vendor(
        type="cap",
        says="""A site key of a Cap instance of one's own.

        A wrong secret is told apart from a wrong token, a wrong site key is not: `captcha-gate verify` prints what the
        instance says, `Invalid site key or secret`.

        Rules from Cap's documents (guide/standalone, guide/widget) and server (tiagozip/cap, standalone/src).
        """,
        script="https://cdn.jsdelivr.net/npm/cap-widget",
        csp=("https://cdn.jsdelivr.net/npm/", "'wasm-unsafe-eval'", "blob:"),
        unsafe_styles=True,
        page_options={"endpoint": "{base_url}/{site_key}/"},
        field=ClientField("cap-token", max_length=1024),
        lifetime=7200,
        asked=Asked(path="/{site_key}/siteverify", encoding=Encoding.JSON),
        told=Told(
            errors=("error",),
            reasons={
                # With 404 it is what any client gets that puts another site key before its token.
                "403 Invalid site key or secret": OURS,
                "Invalid site key or secret": INVALID,
                "Token not found": INVALID,
                "Token expired": Reason.EXPIRED,
                "Missing required parameters": INVALID,
            },
        ),
        # Whatever has another form is refused before the secret is looked at.
        probe="{site_key}:{hex}:{hex}",
        experimental=True,
    )
)

Mcaptcha = listed(
    Vendor(
        type="mcaptcha",
        says="""A site key of an mCaptcha instance of one's own.

        A token is good for as long as the instance says for that key, 30 seconds if it says nothing.

        Rules from mCaptcha's server (src/api/v1/pow/verify_token.rs, src/errors.rs) and documents (mcaptcha.org/docs).
        """,
        script="https://unpkg.com/@mcaptcha/vanilla-glue@0.1.0-rc2/dist/index.js",
        csp=("https://unpkg.com/@mcaptcha/",),
        page_options={"widget": "{base_url}/widget/?sitekey={site_key}"},
        field=ClientField("mcaptcha__token", max_length=4096),
        lifetime=3600,
        asked=Asked(path="/api/v1/pow/siteverify", encoding=Encoding.JSON, response="token", site_key="key"),
        told=Told(
            passes={"valid": True},
            errors=("error",),
            reasons={"Wrong password": OURS, "Captcha not found.": OURS},
        ),
        experimental=True,
    )
)
