"""Tells the operator: a log record per refusal and per opened request, and the `on_decision` hook. Decides nothing."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any, Final

from captcha_gate.decision import Decision
from captcha_gate.outcome import Mode, Outcome

if TYPE_CHECKING:
    from captcha_gate.passes.afterwards import Left

__all__ = ["LOGGER", "OnDecision", "Reporter"]

#: Without a NullHandler on purpose: where nobody configured logging, Python prints warnings to stderr, and an operator
#: who configured nothing is the one who most needs to read them.
LOGGER: Final = logging.getLogger("captcha_gate")

OnDecision = Callable[[Decision], object]

#: Different mistakes of ours that are each shouted once; more of them are logged no louder than the rest.
_MAX_SHOUTED: Final = 100


class Reporter:
    """Logs decisions of one gate and hands them to the operator's hook.

    Args:
        on_decision: called with every decision; what it raises is logged and goes no further.
    """

    def __init__(self, on_decision: OnDecision | None = None) -> None:
        self._on_decision = on_decision
        self._shouted: set[tuple[str | None, str]] = set()

    def __call__(self, decision: Decision) -> None:
        """Report one decision."""
        if not decision.allowed or decision.opened:
            LOGGER.log(
                self._level(decision),
                "%s: rule=%s outcome=%s reason=%s provider=%s said=%r",
                _deed(decision),
                decision.rule,
                decision.outcome.value,
                decision.reason.value,
                decision.provider,
                decision.provider_reason,
                extra={"captcha_gate": {**decision.as_dict(), "detail": _without_addresses(decision.detail)}},
            )
        if self._on_decision is not None:
            try:
                self._on_decision(decision)
            except Exception as error:  # noqa: BLE001 - the operator's hook must not cost anybody their request
                LOGGER.error("on_decision raised %s", type(error).__name__)  # noqa: TRY400 - its message may quote a secret

    @staticmethod
    def left(decision: Decision, left: Left) -> None:
        """Log where something could not be remembered: the client has to solve anew."""
        if left.forgotten is not None:
            LOGGER.warning("nothing was remembered of a pass: rule=%s said=%r", decision.rule, left.forgotten)

    def _level(self, decision: Decision) -> int:
        if decision.outcome is Outcome.UNAVAILABLE:
            return logging.WARNING
        if decision.outcome is not Outcome.MISCONFIGURED:
            return logging.INFO
        mistake = (decision.provider, decision.provider_reason)
        if mistake in self._shouted or len(self._shouted) >= _MAX_SHOUTED:
            return logging.ERROR
        self._shouted.add(mistake)
        return logging.CRITICAL


def _without_addresses(told: Any) -> Any:
    """All that was told but IP addresses: a vendor names its client's (GeeTest's `user_ip`), and logs live long."""
    if isinstance(told, Mapping):
        return {name: _without_addresses(value) for name, value in told.items() if not _is_address(value)}
    if isinstance(told, (list, tuple)):
        return [_without_addresses(value) for value in told if not _is_address(value)]
    return told


def _is_address(value: object) -> bool:
    try:
        return isinstance(value, str) and bool(ip_address(value))
    except ValueError:
        return False


def _deed(decision: Decision) -> str:
    if decision.opened:
        return "opened, unverified"
    return "would refuse" if decision.mode is Mode.MONITOR else "refused"
