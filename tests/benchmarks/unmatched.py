"""What the gate adds to a request that no rule concerns, against other middleware. No network."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

from asgi_csrf import asgi_csrf
from starlette.middleware.cors import CORSMiddleware

from benchmarks.measure import Row, afastest, micro
from benchmarks.subjects import app, login_policy, many_rules, visiting
from captcha_gate.asgi import CaptchaGate

__all__ = ["rows"]

_REQUESTS = 4_000  # with as many paths, the gate has forgotten each before it comes again
_ROUNDS = 9
_CASES = {
    "a path asked before": ["/static/app.js"],
    "new paths": [f"/static/{number}.js" for number in range(_REQUESTS)],
    "new paths near a rule's": [f"/area5/item{number}/view" for number in range(_REQUESTS)],
    "GET of a rule's path": ["/area5/item5/edit"],
}


def rows() -> Iterator[Row]:
    """Ratios to what CORSMiddleware adds, and of 10,000 rules to ten."""
    for case, paths in _CASES.items():
        added = asyncio.run(_added(paths))
        noop, cors, ten, many, regex = (added[name] for name in ("no-op", "CORS", "ten", "many", "regex"))
        against, aim = f"CORSMiddleware {micro(cors)}", "" if case.startswith("GET") else "≤ 0.40"
        yield Row(f"{case}: adds, with 10,000 rules", micro(many), against, many / cors, aim)
        yield Row(f"{case}: adds, 10,000 rules to 10", micro(many), f"10 rules {micro(ten)}", many / ten, "≤ 1.25")
        if case == "a path asked before":
            yield Row(f"{case}: adds, a no-op middleware", micro(noop), against, noop / cors)
            csrf = added["asgi-csrf"]
            yield Row(f"{case}: adds, with 10,000 rules", micro(many), f"asgi-csrf {micro(csrf)}", many / csrf)
        if case == "new paths":
            yield Row(f"{case}: adds, with one `path_regex` rule", micro(regex), against, regex / cors)


async def _added(paths: list[str]) -> dict[str, float]:
    """Seconds that each middleware adds to a request."""
    regex = {"rules": [{"name": "odd", "match": {"path_regex": "/[a-z]+-login"}}]}
    subjects = {
        "bare": app,
        "no-op": _Noop(app),
        "CORS": CORSMiddleware(app, allow_origins=["https://example.com"]),
        "asgi-csrf": asgi_csrf(app, signing_secret="for measuring only"),
        "ten": CaptchaGate(app, many_rules(10)),
        "many": CaptchaGate(app, many_rules(10_000)),
        "regex": CaptchaGate(app, login_policy(**regex)),
    }
    repeated = paths * (_REQUESTS // len(paths))
    took = await afastest({name: visiting(subject, repeated) for name, subject in subjects.items()}, _ROUNDS)
    return {name: seconds - took["bare"] for name, seconds in took.items()}


class _Noop:
    def __init__(self, wrapped: Any) -> None:
        self._wrapped = wrapped

    async def __call__(self, asked: Any, receive: Any, send: Any) -> None:
        await self._wrapped(asked, receive, send)
