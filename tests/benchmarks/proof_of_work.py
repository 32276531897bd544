"""The embedded proof of work: how many answers are checked and how many challenges are made a second. No network."""

from __future__ import annotations

import hashlib
import secrets
import time
from collections.abc import Callable, Iterator
from typing import Any

import altcha

from benchmarks.measure import Row, fastest, per_second
from captcha_gate import load_policy
from captcha_gate.drive import run
from captcha_gate.effects import Compute, Effect
from captcha_gate.providers.context import Context

__all__ = ["rows"]

_TIMES = 200
_ROUNDS = 7
#: What a policy says unless it says otherwise.
_COST = 5000


def rows() -> Iterator[Row]:
    """Ratios to one derivation of a key with the default cost: what a solver does per try."""
    pow_only = {"pow": {"type": "altcha", "hmac_key": secrets.token_hex(32), "cost": _COST}}
    policy = load_policy({"version": 1, "providers": pow_only, "rules": [{"name": "login", "match": "/login"}]})
    provider: Any = policy.providers["pow"]
    easy = Context(now=time.time(), token_hex=lambda count: f"{7:0{2 * count}x}")  # the eighth try solves it
    challenge = altcha.Challenge.from_dict(run(provider.challenge(easy), _computed))
    answer = {"altcha": altcha.Payload(challenge, altcha.solve_challenge(challenge)).to_base64()}
    usual = Context(now=time.time(), token_hex=secrets.token_hex)

    def verify() -> None:
        if not run(provider.verify(answer, usual), _computed).outcome == "passed":
            raise RuntimeError("the answer was refused")

    took = fastest(
        {
            "verify": _timed(verify),
            "issue": _timed(lambda: run(provider.challenge(usual), _computed)),
            "derive": _timed(lambda: hashlib.pbkdf2_hmac("sha256", b"password", b"salt", _COST)),
        },
        _ROUNDS,
    )
    derive = f"one PBKDF2 of cost {_COST} {per_second(took['derive'])}"
    yield Row("ALTCHA answers verified", per_second(took["verify"]), derive, took["verify"] / took["derive"])
    yield Row("ALTCHA challenges made", per_second(took["issue"]), derive, took["issue"] / took["derive"])


def _computed(effect: Effect[Any]) -> Any:
    if not isinstance(effect, Compute):
        raise TypeError(f"a proof of work asks for nothing else: {effect}")
    return effect.call()


def _timed(once: Callable[[], object]) -> Callable[[], float]:
    def seconds() -> float:
        begin = time.perf_counter()
        for _ in range(_TIMES):
            once()
        return (time.perf_counter() - begin) / _TIMES

    return seconds
