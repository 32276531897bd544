"""Any store, driven from one thread: an asynchronous one gets a loop that lasts as long as it does."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from captcha_gate.effects import StoreOp
from captcha_gate.errors import StoreError
from captcha_gate.stores.redis import AsyncRedisStore, RedisStore

__all__ = ["Driven"]


class Driven:
    """A store, and what it needs to run."""

    def __init__(self, store: Any) -> None:
        self.store = store
        self._runner = asyncio.Runner() if isinstance(store, AsyncRedisStore) else None

    @classmethod
    def redis(cls, kind: str, url: str, **options: Any) -> Driven:
        """A Redis store for threads (`wsgi`), or for a loop (`asgi`)."""
        return cls((RedisStore if kind == "wsgi" else AsyncRedisStore)(url, **options))

    def perform(self, operation: StoreOp[Any]) -> Any:
        return self._runner.run(self._aperform(operation)) if self._runner else self.store.perform(operation)

    def together(self, operations: Sequence[StoreOp[Any]]) -> list[Any]:
        """All at once: tasks of one loop, or threads that start together. A `StoreError` is a reply here."""
        if self._runner:
            return self._runner.run(self._atogether(operations))
        start = threading.Barrier(len(operations))

        def perform(operation: StoreOp[Any]) -> Any:
            start.wait(10)
            try:
                return self.store.perform(operation)
            except StoreError as error:
                return error

        with ThreadPoolExecutor(len(operations)) as threads:
            return list(threads.map(perform, operations))

    def close(self) -> None:
        if self._runner:
            self._runner.run(self.store.aclose())
            self._runner.close()
        elif isinstance(self.store, RedisStore):
            self.store.close()

    async def _aperform(self, operation: StoreOp[Any]) -> Any:
        await asyncio.sleep(0)  # requests come through the loop, which thereby hears of connections that have ended
        return await self.store.perform(operation)

    async def _atogether(self, operations: Sequence[StoreOp[Any]]) -> list[Any]:
        return await asyncio.gather(*map(self.store.perform, operations), return_exceptions=True)
