"""What the demo can be shown with: a row for each provider. Starts nothing."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from captcha_gate.testing.vendors import GeetestV3, GeetestV4, Vaptcha, VaptchaV4, Yunpian
from captcha_gate.testing.vendors.base import Vendor

__all__ = ["SITES", "Asked", "Site"]

POLICIES: Final = Path(__file__).parent / "policies"


@dataclass(frozen=True)
class Asked:
    """What the page asks of a stand-in when somebody presses a button.

    Attributes:
        passes: `Pass` was pressed, and not `Fail`.
        challenge: the one that the page got of the gate; empty where the vendor has none.
        offline: the gate said with it that the vendor does not answer.
    """

    passes: bool
    challenge: str
    offline: bool


def _solved(vendor: Any, asked: Asked) -> dict[str, str]:
    fields: dict[str, str] = vendor.solve(passes=asked.passes)
    return fields


def _solved_challenge(vendor: GeetestV3, asked: Asked) -> dict[str, str]:
    """As GeeTest's script does it: in offline mode it answers by itself, and the vendor never hears of it."""
    if not asked.offline:
        return vendor.solve(asked.challenge, passes=asked.passes)
    fields = vendor.offline_answer(asked.challenge)
    return fields if asked.passes else {**fields, "geetest_validate": secrets.token_hex(16)}


@dataclass(frozen=True)
class Site:
    """The demo with one provider.

    Attributes:
        type: as policies write it, and the name of this one's policy file.
        title: as people say it.
        vendor: starts the stand-in of the vendor's server; `None` for a provider without a vendor.
        solve: the token fields that the vendor's widget would give to the page.
        note: what else a person should know of a solved token.
    """

    type: str
    title: str
    vendor: Callable[[], Vendor] | None = None
    solve: Callable[[Any, Asked], dict[str, str]] = _solved
    note: str = ""

    @property
    def policy(self) -> Path:
        """The policy file of this site."""
        return POLICIES / f"{self.type}.yaml"


#: By type; the first is shown unless another is asked for.
SITES: Final = {
    site.type: site
    for site in (
        Site("altcha", "Proof of work"),
        Site("geetest-v4", "GeeTest v4", GeetestV4),
        Site("geetest-v3", "GeeTest v3", GeetestV3, _solved_challenge),
        Site("yunpian", "Yunpian", Yunpian),
        Site("vaptcha", "VAPTCHA v3", Vaptcha),
        Site("vaptcha-v4", "VAPTCHA v4", VaptchaV4, note="It lasts 30 seconds."),
    )
}
