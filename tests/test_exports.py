"""The public surface: what can be imported, and that importing an adapter does not load what it does not use."""

from __future__ import annotations

import subprocess
import sys

import captcha_gate


def test_every_public_name_can_be_had():
    for name in captcha_gate.__all__:
        assert getattr(captcha_gate, name).__name__ == name
    assert captcha_gate.__all__ == sorted(captcha_gate.__all__)
    assert captcha_gate.__version__


def test_an_unknown_name_is_an_attribute_error():
    assert not hasattr(captcha_gate, "no_such_name")


def test_an_adapter_imports_neither_pydantic_nor_yaml_nor_a_provider():
    unwanted = ["pydantic", "yaml", "altcha", "starlette", "captcha_gate.providers.base", "captcha_gate.policy.load"]
    for adapter in ("asgi", "wsgi"):
        script = f"import sys, captcha_gate.{adapter}; print([n for n in {unwanted} if n in sys.modules])"
        run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
        assert run.stdout.strip() == "[]"
