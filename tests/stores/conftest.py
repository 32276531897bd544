"""One redis-server for all tests of a session, emptied for each; tests that break it start their own."""

from __future__ import annotations

import contextlib

import pytest
from support.live import ManualClock
from support.redis_server import RedisProxy, redis_server_or_skip
from support.stores import Driven


@pytest.fixture(scope="session")
def session_redis(tmp_path_factory):
    with redis_server_or_skip(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture
def redis_server(session_redis):
    """An empty Redis."""
    session_redis.admin.flushall()
    return session_redis


@pytest.fixture
def own_redis(tmp_path):
    """A Redis that the test may stop and configure."""
    with redis_server_or_skip(tmp_path) as server:
        yield server


@pytest.fixture
def proxy(redis_server):
    with RedisProxy(redis_server.port) as between:
        yield between


@pytest.fixture
def clock():
    return ManualClock()


@pytest.fixture
def open_store(kind):
    """Open a Redis store of this adapter's kind; it is closed after the test."""
    with contextlib.ExitStack() as opened:

        def opener(url, **options):
            store = Driven.redis(kind, url, **options)
            opened.callback(store.close)
            return store

        yield opener
