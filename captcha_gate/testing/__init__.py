"""For people who test: a fixture for applications, contracts for providers, stand-ins of vendors in `vendors`."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from captcha_gate.testing.captcha import Captcha
    from captcha_gate.testing.contract import ProviderContract
    from captcha_gate.testing.local_contract import LocalProviderContract

__all__ = ["Captcha", "LocalProviderContract", "ProviderContract"]

# Imported when first used: pytest loads the plugin beside this in every run, also where nobody tests a gate.
_HOMES = {
    "Captcha": "captcha",
    "LocalProviderContract": "local_contract",
    "ProviderContract": "contract",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'captcha_gate.testing' has no attribute {name!r}")
    return getattr(import_module(f"captcha_gate.testing.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return __all__
