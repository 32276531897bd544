"""One process of several that share a store: verifies as fast as it can with a vendor that takes no time.

    python -m benchmarks.worker redis://127.0.0.1:6379/0

Prints a line when it is ready, begins at a line, and prints how many seconds its verifications took.
"""

from __future__ import annotations

import asyncio
import sys
from contextlib import aclosing
from functools import partial

from benchmarks.apps import app
from benchmarks.measure import together
from benchmarks.subjects import NoVendor, logged_in, login_policy
from captcha_gate.asgi import CaptchaGate
from captcha_gate.stores import redis as stores

__all__ = ["AT_ONCE", "NUMBER"]

#: Requests at once, and all told.
AT_ONCE = 20
NUMBER = 4_000


async def main(store: str) -> None:
    """Be one worker."""
    async with aclosing(CaptchaGate(app, login_policy(store=store))) as gate:
        gate._fetcher = NoVendor()
        await logged_in(gate)
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        sys.stdin.readline()
        seconds = await together(partial(logged_in, gate), AT_ONCE, NUMBER)()
        sys.stdout.write(f"{seconds * NUMBER}\n")


if __name__ == "__main__":
    stores.TIMEOUT = 20.0  # else a machine that stops for a second refuses requests, and ends the measuring
    asyncio.run(main(sys.argv[1]))
