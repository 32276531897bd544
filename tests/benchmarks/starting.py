"""What a start costs: importing the gate, loading a policy. Serves nothing."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import yaml
from support.world import GEETEST

from benchmarks.measure import Row, fastest
from captcha_gate import load_policy

__all__ = ["rows"]

_RULES = 10_000
_IMPORT = "import time; begin = time.perf_counter(); import {}; print(time.perf_counter() - begin)"


def rows() -> Iterator[Row]:
    """Ratios to importing httpx alone, and to reading the same file as YAML and no more."""
    took = fastest({name: partial(_imported, name) for name in ("captcha_gate.asgi", "captcha_gate.wsgi", "httpx")}, 11)
    for name in ("captcha_gate.asgi", "captcha_gate.wsgi"):
        peer = f"import httpx {_milli(took['httpx'])}"
        aim = "≤ 1.50" if name.endswith("asgi") else ""
        yield Row(f"import {name}", _milli(took[name]), peer, took[name] / took["httpx"], aim)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "policy.yaml"
        file.write_text(_policy(), encoding="utf-8")
        loads = {"ours": lambda: load_policy(file), "yaml": lambda: yaml.load(file.read_text(), yaml.CSafeLoader)}
        loaded = fastest({name: partial(_timed, load) for name, load in loads.items()}, 3)
    peer = f"yaml.CSafeLoader alone {loaded['yaml']:.2f} s"
    yield Row(f"loading {_RULES:,} rules", f"{loaded['ours']:.2f} s", peer, loaded["ours"] / loaded["yaml"], "≤ 3")


def _imported(module: str) -> float:
    """Seconds of an import in a process of its own, without those that Python takes to start."""
    done = subprocess.run([sys.executable, "-c", _IMPORT.format(module)], check=True, capture_output=True, text=True)
    return float(done.stdout)


def _timed(load: Callable[[], object]) -> float:
    begin = time.perf_counter()
    load()
    return time.perf_counter() - begin


def _policy() -> str:
    """Rules as people write them."""
    return f"version: 1\nproviders:\n  cn: {json.dumps(GEETEST)}\nrules:\n{''.join(map(_rule, range(_RULES)))}"


def _rule(number: int) -> str:
    area = f"/area{number % 97}"
    match = f"    match:\n      path: [{area}/item{number}/edit, {area}/x{number}/*]\n"
    return f"  - name: r{number}\n{match}    on_fail: annotate\n"


def _milli(seconds: float) -> str:
    return f"{seconds * 1e3:.0f} ms"
