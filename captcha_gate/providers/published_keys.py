"""Keys that vendors published for tests. Everybody can make tokens that pass with them. Decides nothing.

One set for the whole family: a secret of one type is one of its siblings', too, wherever they ask the same server, and
`type: siteverify` may ask any.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

__all__ = ["BY_VENDOR", "PUBLISHED"]

#: Site keys and secrets, and where they stand.
BY_VENDOR: Final[Mapping[str, frozenset[str]]] = MappingProxyType(
    {
        # developers.cloudflare.com/turnstile/troubleshooting/testing
        "turnstile": frozenset(
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
        # docs.hcaptcha.com, "Integration Testing: Test Keys"
        "hcaptcha": frozenset(
            {
                "10000000-ffff-ffff-ffff-000000000001",
                "20000000-ffff-ffff-ffff-000000000002",
                "30000000-ffff-ffff-ffff-000000000003",
                "0x0000000000000000000000000000000000000000",
            }
        ),
        # developers.google.com/recaptcha/docs/faq
        "recaptcha-v2": frozenset(
            {"6LeIxAcTAAAAAJcZVRqyHh71UMIEGNQ_MXjiZKhI", "6LeIxAcTAAAAAGG-vFI1TnRWxMZNFuojJ4WifJWe"}
        ),
        # docs.captchafox.com, "Testing"
        "captchafox": frozenset({"sk_11111111000000001111111100000000", "ok_11111111000000001111111100000000"}),
        # docs.privatecaptcha.com/docs/reference/testing
        "private-captcha": frozenset({"aaaaaaaabbbbccccddddeeeeeeeeeeee"}),
    }
)
PUBLISHED: Final = frozenset[str]().union(*BY_VENDOR.values())
