"""A gate that asks a stand-in over real sockets, by either adapter."""

from __future__ import annotations

import pytest
from support.live import LiveWorld
from support.world import LOGIN, policy_of


@pytest.fixture
def gate(kind):
    """Build a gate whose vendor is a stand-in: `gate(vendor, **keys of the account)`."""
    worlds: list[LiveWorld] = []

    def build(vendor, **keys) -> LiveWorld:
        worlds.append(LiveWorld(kind, policy_of(LOGIN, providers={"cn": vendor.account(**keys)})))
        return worlds[-1]

    yield build
    for world in worlds:
        world.close()


@pytest.fixture
def ends():
    """Submit a token so many times: each status and reason. Only what passed reaches the application."""

    def submit(world: LiveWorld, token: dict[str, str], times: int = 1) -> list[tuple[int, str]]:
        statuses = [world.post(data=token).status_code for _ in range(times)]
        assert len(world.seen) == statuses.count(200)
        return [*zip(statuses, (str(decision.reason) for decision in world.decisions), strict=True)]

    return submit
