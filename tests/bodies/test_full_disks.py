"""A disk that takes no more: a request is refused, or goes on whole; no application sees a body that was cut off."""

from __future__ import annotations

import errno
import io
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from support.body_corpus import FORM
from support.world import PASSES, TOKEN, World, answering, policy_of

from captcha_gate import spool

PIECES = [bytes([65 + number]) * 10_000 for number in range(20)]
WHOLE = b"".join(PIECES)


class FullDisk(io.BytesIO):
    """A file that takes so many bytes and no more; the last piece of them in part, as a real one does."""

    def __init__(self, room: int) -> None:
        super().__init__()
        self.room = room

    def write(self, data: Any) -> int:
        fits = bytes(data[: self.room])
        if not fits:
            raise OSError(errno.ENOSPC, "No space left on device")
        self.room -= len(fits)
        return super().write(fits)


@pytest.fixture(params=[None, 0, 5, 70_000, 99_999, 130_000], ids=lambda room: f"room for {room}")
def disk(request, monkeypatch):
    """No file can be made at all, or one that is full after so many bytes."""
    made: list[FullDisk] = []

    def temporary_file(**_: Any) -> FullDisk:
        if request.param is None:
            raise OSError(errno.ENOSPC, "No space left on device")
        made.append(FullDisk(request.param))
        return made[-1]

    monkeypatch.setattr(spool, "TemporaryFile", temporary_file)
    return made


async def in_pieces() -> Any:
    for piece in PIECES:
        yield piece


def pieces() -> Iterator[bytes]:
    yield from PIECES


def send(world: World) -> httpx.Response:
    body: Any = in_pieces() if world.kind == "asgi" else pieces()
    return world.post(content=body, headers={"Content-Type": FORM, "Content-Length": str(len(WHOLE))})


def test_a_monitored_application_sees_every_byte(kind, disk):
    world = World(kind, policy_of(mode="monitor"), answering(PASSES))
    assert send(world).status_code == 200
    assert world.seen[0].body == WHOLE
    assert world.decisions[0].reason == "internal_error"
    assert all(file.closed for file in disk)


@pytest.mark.usefixtures("disk")
def test_an_enforcing_gate_refuses(kind):
    world = World(kind, policy_of(), answering(PASSES))
    assert send(world).status_code == 503
    assert (world.decisions[0].reason, world.seen) == ("internal_error", [])


def test_a_body_that_fits_is_not_touched_by_it(kind, disk):
    world = World(kind, policy_of(), answering(PASSES))
    assert world.post(data=TOKEN).status_code == 200
    assert disk == []
