"""Serves an example on a free port of loopback and says which, until its standard input ends. Holds no fact.

python serve.py FILE
"""

from __future__ import annotations

import asyncio
import importlib.util
import inspect
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import uvicorn
from tornado.httpserver import HTTPServer
from tornado.web import Application
from werkzeug.serving import make_server

__all__ = ["load", "serving"]


@contextmanager
def serving(file: Path, environment: Mapping[str, str]) -> Iterator[str]:
    """Run an example in a process of its own.

    Args:
        file: the example.
        environment: what it finds in its environment, beside this process's.

    Yields:
        Its URL.
    """
    command = [sys.executable, __file__, str(file)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env={**os.environ, **environment}, text=True
    ) as process:
        assert process.stdin
        assert process.stdout
        try:
            yield f"http://127.0.0.1:{int(process.stdout.readline())}/"
        finally:
            process.stdin.close()


def load(file: Path) -> ModuleType:
    """An example as a fresh module, by its own name."""
    spec = importlib.util.spec_from_file_location(file.stem, file)
    assert spec
    assert spec.loader
    module = sys.modules[file.stem] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _serve(app: Any, listener: socket.socket) -> None:
    if isinstance(app, Application):
        asyncio.run(_serve_tornado(app, listener))
    elif inspect.iscoroutinefunction(getattr(app, "__call__", None)):  # noqa: B004 - its signature is wanted
        uvicorn.Server(uvicorn.Config(app, log_level="warning", ws="none")).run(sockets=[listener])
    else:
        host, port = listener.getsockname()
        make_server(host, port, app, threaded=True, fd=listener.fileno()).serve_forever()


async def _serve_tornado(app: Application, listener: socket.socket) -> None:
    listener.setblocking(False)
    HTTPServer(app).add_sockets([listener])
    await asyncio.Event().wait()


def _end_with_input() -> None:
    sys.stdin.read()
    os._exit(0)


if __name__ == "__main__":
    threading.Thread(target=_end_with_input, daemon=True).start()
    served = load(Path(sys.argv[1])).app
    with socket.create_server(("127.0.0.1", 0)) as listening:
        sys.stdout.write(f"{listening.getsockname()[1]}\n")
        sys.stdout.flush()
        _serve(served, listening)
