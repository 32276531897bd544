"""What the stand-ins of the vendors share: calls, tokens that pass once, and breaking. Knows no vendor."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from captcha_gate.testing.vendors import faults
from captcha_gate.testing.vendors.loopback import Answer, LoopbackServer, Received

__all__ = ["Call", "Tokens", "Vendor", "form_of", "single"]

_FORM: Final = "application/x-www-form-urlencoded"


@dataclass(frozen=True)
class Call:
    """One thing that a vendor can be asked.

    Attributes:
        name: by which `breaks(…, only=name)` speaks of it.
        methods: with any other the vendor answers 405.
        path: exactly.
        answer: what the vendor answers to a request.
    """

    name: str
    methods: tuple[str, ...]
    path: str
    answer: Callable[[Received], Answer]


class Vendor(LoopbackServer, ABC):
    """A vendor's server on a free port of 127.0.0.1, until the `with` block ends. It speaks plain HTTP.

    Args:
        calls: what it can be asked; anything else is a 404.
    """

    def __init__(self, *calls: Call) -> None:
        self._calls = calls
        self._fault: Answer | None = None
        self._faults: dict[str, Answer] = {}
        super().__init__(lambda connection, request: self._answer_to(request)(connection, request))

    @abstractmethod
    def account(self, **keys: Any) -> dict[str, Any]:
        """The policy's entry for an account of this vendor whose server is this one; `keys` are added or replaced."""

    def breaks(self, answer: Answer, *, only: str | None = None) -> None:
        """Answer every request in this way from now on, whatever it is; or those of one call only.

        Args:
            answer: one of `faults`, or a function of your own.
            only: the name of a call.

        Raises:
            ValueError: the vendor has no call of that name.
        """
        if only is None:
            self._fault = answer
            return
        names = [call.name for call in self._calls]
        if only not in names:
            raise ValueError(f"{only!r} is no call of this vendor (write one of: {', '.join(names)})")
        self._faults[only] = answer

    def recovers(self) -> None:
        """Answer as the documents say again."""
        self._fault = None
        self._faults.clear()

    def _answer_to(self, request: Received) -> Answer:
        if self._fault:
            return self._fault
        at_path = [call for call in self._calls if call.path == request.path]
        for call in at_path:
            if request.method in call.methods:
                return self._faults.get(call.name) or call.answer(request)
        return faults.status(405 if at_path else 404)


class Tokens:
    """What a vendor remembers of its tokens. Each can be used once, by whichever thread comes first."""

    def __init__(self) -> None:
        self._issued: dict[str, Mapping[str, str]] = {}
        self._used: set[str] = set()
        self._lock = threading.Lock()

    def issue(self, token: str, **told: str) -> None:
        """Remember a token, and what belongs to it."""
        self._issued[token] = told

    def told(self, token: str) -> Mapping[str, str] | None:
        """What was remembered with a token; `None` where it was never issued."""
        return self._issued.get(token)

    def use(self, token: str) -> bool:
        """Use a token up; `False` where it was."""
        with self._lock:
            fresh = token not in self._used
            self._used.add(token)
            return fresh

    def used(self, token: str) -> bool:
        """Whether it was used."""
        return token in self._used


def form_of(request: Received) -> dict[str, list[str]]:
    """The body's fields where it says that it is an urlencoded form; none where it says anything else."""
    return request.form if request.media_type == _FORM else {}


def single(fields: Mapping[str, list[str]], name: str) -> str:
    """The value of a field that stands there once; empty where it is missing or given twice."""
    values = fields.get(name, [])
    return values[0] if len(values) == 1 else ""
