"""One process of several that share a store: verifies as fast as it can with a vendor that takes no time.

    python -m benchmarks.worker redis://127.0.0.1:6379/0

Prints a line when it is ready, begins at a line, and prints how many seconds its verifications took.
"""

from __future__ import annotations

import asyncio
import sys
import time
from contextlib import aclosing

from benchmarks.apps import app
from benchmarks.subjects import NoVendor, forwarded, in_headers, login_policy, scope
from captcha_gate.asgi import CaptchaGate
from captcha_gate.stores import redis as stores

__all__ = ["AT_ONCE", "EACH"]

#: Requests at once, and of each of those how many after each other.
AT_ONCE = 20
EACH = 200


async def _some(gate: CaptchaGate) -> None:
    for _ in range(EACH):
        await forwarded(gate, scope("POST", "/login", in_headers()))


async def main(store: str) -> None:
    """Be one worker."""
    async with aclosing(CaptchaGate(app, login_policy(store=store))) as gate:
        gate._fetcher = NoVendor()
        await forwarded(gate, scope("POST", "/login", in_headers()))
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        sys.stdin.readline()
        begin = time.perf_counter()
        await asyncio.gather(*(_some(gate) for _ in range(AT_ONCE)))
        sys.stdout.write(f"{time.perf_counter() - begin}\n")


if __name__ == "__main__":
    stores.TIMEOUT = 20.0  # else a machine that stops for a second refuses requests, and ends the measuring
    asyncio.run(main(sys.argv[1]))
