"""For people who test: the contract that every provider keeps. Not imported by anything that serves requests."""

from __future__ import annotations

from captcha_gate.testing.contract import ProviderContract

__all__ = ["ProviderContract"]
