"""What the demo's page asks of the stand-in of a vendor: a token, an outage. The gate knows nothing of it."""

from __future__ import annotations

from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from captcha_gate.demo.sites import Asked, Site
from captcha_gate.testing.vendors import faults
from captcha_gate.testing.vendors.base import Vendor

__all__ = ["StandIn"]


class StandIn:
    """The vendor of a site, at the page's command.

    Attributes:
        down: whether its server is, and answers everything with 503.
    """

    def __init__(self, site: Site, vendor: Vendor) -> None:
        self._site = site
        self._vendor = vendor
        self.down = False

    def routes(self) -> list[Route]:
        """Where the page asks."""
        return [
            Route("/stand-in/solve", self._solve, methods=["POST"]),
            Route("/stand-in/outage", self._outage, methods=["POST"]),
        ]

    def environment(self) -> dict[str, str]:
        """Its account, for the variables of the policy file: `captcha_id` is `CAPTCHA_ID`."""
        account = self._vendor.account()
        return {key.upper(): value for key, value in account.items() if isinstance(value, str)}

    async def _solve(self, request: Request) -> Response:
        """The fields that the vendor's widget would give to the page."""
        given = await _document(request, passes=bool, challenge=str, offline=bool)
        try:
            return JSONResponse(self._site.solve(self._vendor, Asked(**given)))
        except ValueError as error:  # a challenge of before the demo's last start
            raise HTTPException(400, str(error)) from error

    async def _outage(self, request: Request) -> Response:
        """Take the server down, or bring it back."""
        given = await _document(request, down=bool)
        self.down = given["down"]
        if self.down:
            self._vendor.breaks(faults.status(503))
        else:
            self._vendor.recovers()
        return JSONResponse(given)


async def _document(request: Request, **types: type) -> dict[str, Any]:
    """The JSON object of a request. That it must say so keeps pages of other sites from asking.

    Raises:
        HTTPException: it is none with just these keys and types.
    """
    if request.headers.get("content-type") != "application/json":
        raise HTTPException(415, "send application/json")
    try:
        given = await request.json()
    except (ValueError, RecursionError) as error:
        raise HTTPException(400, "that is no JSON") from error
    if not isinstance(given, dict) or {key: type(value) for key, value in given.items()} != types:
        raise HTTPException(400, f"send an object with {', '.join(types)}")
    return given
