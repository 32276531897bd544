"""The markup that puts a rule's CAPTCHA into a template's form. Knows no policy: the page's script asks the gate."""

from __future__ import annotations

from html import escape

__all__ = ["Widget", "widget"]


class Widget(str):
    """Markup that templates take as it is: Jinja, Django and all that know `__html__`."""

    __slots__ = ()

    def __html__(self) -> str:
        return str(self)


def widget(rule: str, *, nonce: str | None = None, prefix: str = "/captcha-gate") -> Widget:
    """The CAPTCHA of a rule, for a form that says `data-captcha-gate="…"` with the same rule.

    Args:
        rule: its name in the policy.
        nonce: of the page's Content-Security-Policy, where it has one.
        prefix: where the gate's own URLs stand, with the mount point of the application before it.
    """
    proof = f' nonce="{escape(nonce)}"' if nonce is not None else ""
    script = f'<script src="{escape(prefix)}/gate.js"{proof} defer></script>'
    return Widget(f'<div data-captcha-gate-widget="{escape(rule)}"></div>{script}')
