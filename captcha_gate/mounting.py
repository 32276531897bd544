"""What both adapters set up when they are made: the policy loaded, the store opened, the app looked at. No requests."""

from __future__ import annotations

import inspect
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from captcha_gate.endpoints import Endpoints
from captcha_gate.errors import PolicyError
from captcha_gate.gate import Gate
from captcha_gate.report import LOGGER, OnDecision, Reporter
from captcha_gate.rules import Policy
from captcha_gate.stores.base import Store, open_store

__all__ = ["Mounted", "PolicySource", "mount", "takes"]

PolicySource: TypeAlias = "str | os.PathLike[str] | Mapping[str, Any] | Policy"


@dataclass(frozen=True, slots=True)
class Mounted:
    """The parts that an adapter works with."""

    gate: Gate
    policy: Policy
    store: Store
    endpoints: Endpoints
    report: Reporter

    def ignores(self, method: str, path: str, raw_path: bytes = b"") -> bool:
        """Whether neither a rule nor an endpoint can concern a request without a mount point.

        A look at the path is enough, and all that most requests of most sites cost.
        """
        plain = method.isascii() and method.isalpha() and b"%" not in raw_path
        return plain and self.policy.ignores(path) and not self.endpoints.has(path)


def mount(policy: PolicySource, store: Store | str | None, on_decision: OnDecision | None) -> Mounted:
    """Load the policy and open the store.

    Raises:
        PolicyError: the policy does not load, or cannot be kept by this store.
    """
    _refuse_coroutine(on_decision)
    if not isinstance(policy, Policy):
        # Imported here: whoever hands over a loaded policy need not pay for pydantic.
        from captcha_gate.policy.load import load_policy  # noqa: PLC0415

        policy = load_policy(policy)
    opened = open_store(store or policy.store) if store is None or isinstance(store, str) else store
    for warning in policy.warnings:
        LOGGER.warning("%s", warning)
    _check_store(policy, opened)
    _ = policy.index  # made now, not by the first request
    gate = Gate(policy, shared_store=opened.shared)
    return Mounted(gate, policy, opened, Endpoints(policy), Reporter(on_decision))


def _refuse_coroutine(on_decision: OnDecision | None) -> None:
    """Refuse a hook that would never run: it is called, not awaited.

    Raises:
        TypeError: it is a coroutine function.
    """
    if inspect.iscoroutinefunction(on_decision):
        raise TypeError("on_decision is called, not awaited: give a plain function")


def takes(app: Any) -> str | None:
    """`asgi` or `wsgi`, as far as an application's signature tells; `None` where it does not."""
    call = app if inspect.isroutine(app) else getattr(app, "__call__", None)  # noqa: B004 - its signature is wanted
    if inspect.iscoroutinefunction(app) or inspect.iscoroutinefunction(call):
        return "asgi"
    try:
        parameters = inspect.signature(app).parameters.values()
    except (TypeError, ValueError):
        return None
    if any(item.kind is item.VAR_POSITIONAL for item in parameters):
        return None
    needed = sum(item.default is item.empty and item.kind is not item.VAR_KEYWORD for item in parameters)
    return {2: "wsgi", 3: "asgi"}.get(needed)


def _check_store(policy: Policy, store: Store) -> None:
    lonely = [name for name, provider in policy.providers.items() if provider.needs_shared_store]
    if not lonely or store.shared:
        return
    problem = (
        f"providers {', '.join(lonely)}: a used token is known only to the process that saw it, "
        "for the store is this process's memory"
    )
    workers = os.environ.get("WEB_CONCURRENCY", "")
    if workers.isdigit() and int(workers) > 1:
        raise PolicyError([f"{problem}, and WEB_CONCURRENCY={workers} (run one process, or share the store)"])
    LOGGER.warning("%s; run one process only", problem)
