"""A gate whose process has no file descriptor left: asks a vendor at the URL given, prints what became of the request.

Run as a process of its own: `python -m support.without_files wsgi SyncPool http://127.0.0.1:9001`.
"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import sys
from collections.abc import Iterator

from captcha_gate.egress import fetch
from captcha_gate.egress.fast import FastPool
from captcha_gate.egress.pools import AsyncPool
from support.faults import a_token, account_at
from support.live import LiveWorld, ManualClock
from support.world import LOGIN, policy_of


@contextlib.contextmanager
def no_file_descriptors() -> Iterator[None]:
    """Use up all that this process may have."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(256, soft), hard))
    held = []
    with contextlib.suppress(OSError):
        while True:
            held.append(os.open("/dev/null", os.O_RDONLY))
    try:
        yield
    finally:
        for number in held:
            os.close(number)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def main(kind: str, pool: str, url: str) -> None:
    if kind == "asgi":
        fetch._best_pool = lambda: {"FastPool": FastPool, "AsyncPool": AsyncPool}[pool]
    world = LiveWorld(kind, policy_of({**LOGIN, "on_unavailable": "allow"}, providers={"cn": account_at(url)}))
    clock = ManualClock()
    clock.rule(world.gate)
    world.post(data=a_token())
    world.give_up_pool()  # or the next call would use the connection that is open
    clock.now += 60
    with no_file_descriptors():
        status = world.post(data=a_token()).status_code
    decision = world.decisions[-1]
    world.post(data=a_token())
    told = {"status": status, "reason": decision.reason, "opened": decision.opened, "after": world.decisions[-1].reason}
    sys.stdout.write(json.dumps(told))
    world.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
