"""What both adapters set up when they are made: the policy loaded, the store opened, the app looked at. No requests."""

from __future__ import annotations

import inspect
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final, TypeAlias

from captcha_gate.conditions import SAFE_METHODS
from captcha_gate.endpoints.table import Endpoints
from captcha_gate.errors import PolicyError
from captcha_gate.gate import Gate
from captcha_gate.paths import has_room
from captcha_gate.replies.refusal import Refusals
from captcha_gate.report import LOGGER, OnDecision, Reporter
from captcha_gate.request import PERCENT, PLAIN_METHODS
from captcha_gate.rules import Policy
from captcha_gate.stores.base import Store, open_store

__all__ = ["Mounted", "PolicySource", "mount", "own_mount_point", "takes"]

#: Middlewares that an application may stand behind.
_MAX_LAYERS: Final = 32

PolicySource: TypeAlias = "str | os.PathLike[str] | Mapping[str, Any] | Policy"


@dataclass(frozen=True, slots=True)
class Mounted:
    """The parts that an adapter works with."""

    gate: Gate
    policy: Policy
    store: Store
    own_store: Store | None  #: the same, where it was opened here and is closed with the gate
    endpoints: Endpoints
    refusals: Refusals
    report: Reporter
    ignored: dict[str, bool] = field(default_factory=dict)  #: by paths that came before

    def ignores(self, method: str, path: str, raw_path: bytes = b"") -> bool:
        """Whether neither a rule nor an endpoint can concern a request without a mount point.

        A look at the path is enough, and all that most requests of most sites cost; most go to few paths.
        """
        if method not in PLAIN_METHODS or PERCENT in raw_path:
            return False
        known = self.ignored.get(path)
        if known is None:
            known = self.policy.ignores(path) and path not in self.endpoints.paths
            if has_room(self.ignored, path):
                self.ignored[path] = known
        return known

    def spares(self, method: str, path: str, raw_path: bytes = b"") -> bool:
        """Whether the same is true for its method: visits to a form are many, and its rule is for what is sent.

        Holds only where the request asks for no other method than its own.
        """
        if method not in SAFE_METHODS or PERCENT in raw_path:
            return False
        settled = self.policy.settled(method, path)
        return settled is not None and settled.rule is None and path not in self.endpoints.paths


def mount(
    policy: PolicySource, store: Store | str | None, on_decision: OnDecision | None, *, asynchronous: bool
) -> Mounted:
    """Load the policy and open the store.

    Raises:
        PolicyError: the policy does not load, or cannot be kept by this store.
    """
    _refuse_coroutine(on_decision)
    if not isinstance(policy, Policy):
        # Imported here: whoever hands over a loaded policy need not pay for pydantic.
        from captcha_gate.policy.load import load_policy  # noqa: PLC0415

        policy = load_policy(policy)
    opened = _opened(policy.store if store is None else store, asynchronous=asynchronous)
    for warning in policy.warnings:
        LOGGER.warning("%s", warning)
    _check_store(policy, opened)
    _ = policy.index, policy.unindexed  # made now, not by the first request
    gate = Gate(policy, shared_store=opened.shared)
    own = None if opened is store else opened
    refusals, report = Refusals(policy, partial(secrets.token_urlsafe, 16)), Reporter(on_decision)
    return Mounted(gate, policy, opened, own, Endpoints(gate, refusals, report), refusals, report)


def _opened(store: Store | str, *, asynchronous: bool) -> Store:
    if not isinstance(store, str):
        return store
    try:
        return open_store(store, asynchronous=asynchronous)
    except ValueError as error:
        raise PolicyError([str(error)]) from None


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


def own_mount_point(app: Any) -> str:
    """The mount point that an ASGI application brings along (`FastAPI(root_path="/api")`); empty where it has none.

    No server tells of it, and behind it the application's routes stand once more. Middlewares are looked through.
    """
    for _ in range(_MAX_LAYERS):
        root_path = getattr(app, "root_path", "")
        if isinstance(root_path, str) and root_path:
            return root_path
        app = getattr(app, "app", None)
    return ""


def _check_store(policy: Policy, store: Store) -> None:
    problem = policy.forgetful(shared_store=store.shared)
    if problem is None:
        return
    workers = os.environ.get("WEB_CONCURRENCY", "")
    if workers.isdigit() and int(workers) > 1:
        raise PolicyError([f"{problem}, and WEB_CONCURRENCY={workers} (run one process, or share the store)"])
    LOGGER.warning("%s; run one process only", problem)
