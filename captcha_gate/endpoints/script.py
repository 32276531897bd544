"""`GET {prefix}/gate.js`: the script for pages, the same for everybody."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Final

from captcha_gate.effects import Flow
from captcha_gate.endpoints.base import Endpoint
from captcha_gate.replies.reply import Reply

if TYPE_CHECKING:
    from captcha_gate.request import RequestView

__all__ = ["ScriptEndpoint"]

#: Seconds that browsers keep the script: a new version is there soon, and a page costs no request for it.
_SCRIPT_KEPT: Final = 3600


class ScriptEndpoint(Endpoint):
    """The script for pages, the same for everybody."""

    says = "the script for pages"

    def answer(self, view: RequestView) -> Flow[Reply]:
        yield from ()
        headers = (
            ("Content-Type", "text/javascript; charset=utf-8"),
            ("Content-Length", str(len(_script()))),
            ("Cache-Control", f"public, max-age={_SCRIPT_KEPT}"),
            ("X-Content-Type-Options", "nosniff"),
        )
        return Reply(200, headers, _script())


@cache
def _script() -> bytes:
    return files("captcha_gate.pages").joinpath("gate.js").read_bytes()
