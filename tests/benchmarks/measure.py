"""Takes times in turns and prints them as ratios. Knows nothing of what is measured.

The machine is never quiet, so no time is worth anything alone: all subjects of a comparison take turns within one run,
and of each the fastest round counts.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass

__all__ = ["Row", "afastest", "fastest", "micro", "per_second", "show", "together"]


@dataclass(frozen=True)
class Row:
    """One line of the table.

    Attributes:
        what: is measured.
        ours: its value.
        peer: what it is compared with, and that one's value.
        ratio: ours to the peer's; `None` where there is nothing to compare.
        aim: what the ratio should be, where something was aimed at.
    """

    what: str
    ours: str
    peer: str = ""
    ratio: float | None = None
    aim: str = ""

    def __str__(self) -> str:
        ratio = "" if self.ratio is None else f"{self.ratio:.2f}"
        return f"| {self.what} | {self.ours} | {self.peer} | {ratio} | {self.aim} |"


def fastest(subjects: Mapping[str, Callable[[], float]], rounds: int) -> dict[str, float]:
    """The shortest time of each subject, in the unit that it returns."""
    taken: dict[str, list[float]] = {name: [] for name in subjects}
    for _ in range(rounds):
        for name, seconds in subjects.items():
            taken[name].append(seconds())
    return {name: min(times) for name, times in taken.items()}


async def afastest(subjects: Mapping[str, Callable[[], Awaitable[float]]], rounds: int) -> dict[str, float]:
    """As `fastest`, of what has to be awaited."""
    taken: dict[str, list[float]] = {name: [] for name in subjects}
    for _ in range(rounds):
        for name, seconds in subjects.items():
            taken[name].append(await seconds())
    return {name: min(times) for name, times in taken.items()}


def together(once: Callable[[], Awaitable[None]], at_once: int, number: int) -> Callable[[], Awaitable[float]]:
    """Measure the seconds that one of so many takes, so many at once and each of those after the other."""

    async def some() -> None:
        for _ in range(number // at_once):
            await once()

    async def seconds() -> float:
        begin = time.perf_counter()
        await asyncio.gather(*(some() for _ in range(at_once)))
        return (time.perf_counter() - begin) / number

    return seconds


def micro(seconds: float) -> str:
    """Seconds as microseconds."""
    return f"{seconds * 1e6:,.{2 if seconds < 1e-5 else 0}f} µs"


def per_second(seconds: float) -> str:
    """Seconds for one as how many a second."""
    return f"{1 / seconds:,.0f}/s"


def show(rows: Iterable[Row]) -> None:
    """Print rows as they come."""
    for row in rows:
        sys.stdout.write(f"{row}\n")
        sys.stdout.flush()
