"""How many examples each fuzz test tries: few and always the same in `make test`, many and new ones in `make fuzz`."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

__all__ = ["EXAMPLES", "fuzzed"]

#: Per test. Set by `make fuzz`.
EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "0"))
_FEW = 200

#: The decorator of every test here. Deadlines are off: what is bounded is counted by the tests themselves.
fuzzed = settings(
    max_examples=EXAMPLES or _FEW,
    derandomize=not EXAMPLES,
    database=None,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
