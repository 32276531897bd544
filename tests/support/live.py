"""A gate that asks its vendor over real sockets with its own client, by either adapter. Mocks nothing."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx

from captcha_gate import Policy
from captcha_gate.asgi import CaptchaGate as AsgiGate
from captcha_gate.wsgi import CaptchaGate as WsgiGate
from support.world import World

__all__ = ["TRIES", "LiveWorld", "ManualClock", "paused"]

#: So often a test begins anew where this machine paused, and nothing was shown.
TRIES = 5


class ManualClock:
    """A clock that goes when it is told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now

    def rule(self, gate: Any) -> None:
        """Let a gate go by this clock, where it remembers what its vendors answered."""
        gate._mounted.gate.vendors._monotonic = self
        gate._once._clock = self


class LiveWorld(World):
    """A `World` without a mock: one event loop, or this thread, for all its requests."""

    def __init__(self, kind: str, policy: Policy, **options: Any) -> None:
        super().__init__(kind, policy, _no_vendor, options)

    def __post_init__(self) -> None:
        options = {"on_decision": self.decisions.append, **self.options}
        self.app = self._wsgi_app if self.kind == "wsgi" else self._asgi_app
        self.gate = (WsgiGate if self.kind == "wsgi" else AsgiGate)(self.app, self.policy, **options)
        self._runner = asyncio.Runner()
        self._closed = False

    def request(
        self, method: str, url: str, *, client: tuple[str, int] = ("127.0.0.1", 123), **kwargs: Any
    ) -> httpx.Response:
        if self.kind == "wsgi":
            return super().request(method, url, client=client, **kwargs)
        return self.run(self._arequest(method, url, client, kwargs))

    def together(self, forms: Iterable[dict[str, str]]) -> list[httpx.Response]:
        """POST all forms at once: threads that start together, or tasks of one loop."""
        waiting = list(forms)
        if self.kind == "asgi":
            return self.run(self.atogether(waiting))
        start = threading.Barrier(len(waiting))

        def post(form: dict[str, str]) -> httpx.Response:
            start.wait(10)
            return self.post(data=form)

        with ThreadPoolExecutor(len(waiting)) as pool:
            return list(pool.map(post, waiting))

    async def atogether(self, forms: Iterable[dict[str, str]]) -> list[httpx.Response]:
        """The same inside a loop."""
        return await asyncio.gather(*(self.apost(form) for form in forms))

    def serves(self, forms: Callable[[], Iterable[dict[str, str]]]) -> bool:
        """Whether all these requests at once pass.

        Where this machine paused for longer than a call may take, they are asked once more, with new tokens: what is
        lost for ever stays lost.
        """
        return any({response.status_code for response in self.together(forms())} == {200} for _ in range(TRIES))

    async def apost(self, form: dict[str, str], url: str = "/login") -> httpx.Response:
        """POST one form inside a loop."""
        return await self._arequest("POST", url, ("127.0.0.1", 123), {"data": form})

    def run(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        """Run something on this world's loop."""
        return self._runner.run(coroutine)

    def settle(self) -> None:
        """Let every call to a vendor that nobody waits for any more come to its end."""
        if self.kind == "asgi":
            self.run(self.asettle())

    async def asettle(self) -> None:
        """The same inside the loop."""
        me = asyncio.current_task()
        while others := asyncio.all_tasks() - {me}:
            await asyncio.wait(others, timeout=5)
        for _ in range(5):  # transports close themselves in the loop's next turns
            await asyncio.sleep(0)

    def tasks(self) -> set[asyncio.Task[Any]]:
        """Those that this world's loop still has."""
        return asyncio.all_tasks(self._runner.get_loop())

    def give_up_pool(self) -> None:
        """Let the gate close its connections; it makes new ones when it needs them."""
        if self.kind == "wsgi":
            self.gate.close()
        else:
            self.run(self.gate.aclose())
            self.settle()

    def close(self) -> None:
        if not self._closed:
            self._closed = True
            self.give_up_pool()
            self._runner.close()


def paused(world: LiveWorld, *, opens: bool) -> bool:
    """Whether this machine paused so long that the gate could not tell whose fault a time-out was.

    Args:
        world: has decided about one request.
        opens: the request should have been let through, for its vendor answers nobody.
    """
    [decision] = world.decisions
    return "too busy to tell" in decision.provider_reason or (opens and not decision.opened)


def _no_vendor(request: httpx.Request) -> httpx.Response:
    raise AssertionError("a live world asks a real server")
