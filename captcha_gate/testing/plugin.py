"""The pytest plugin: the fixture `captcha`. Every pytest run loads this file, so it imports nothing else before use."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from captcha_gate.testing.captcha import Captcha

__all__ = ["captcha"]


@pytest.fixture
def captcha() -> Iterator[Captcha]:
    """Every CAPTCHA passes without a token, in every gate of this process; nobody is asked.

    captcha.passes(score=0.2), .fails("expired"), .unavailable(), .misconfigured() and .missing() say otherwise,
    each until the next; captcha.decisions holds what was decided. The policy's rules stay real.
    """
    from captcha_gate.testing.captcha import ruling  # noqa: PLC0415 - pays only who asks for the fixture

    with ruling() as captcha:
        yield captcha
