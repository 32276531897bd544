"""Servers that are started by a call, by their names: `python -m support.small_servers uwsgi 8000`."""

from __future__ import annotations

import sys
from wsgiref.simple_server import WSGIRequestHandler, make_server


def cheroot(port: int) -> None:
    from cheroot.wsgi import Server

    from support.apps import wsgi

    Server(("127.0.0.1", port), wsgi, numthreads=8).start()


def uwsgi(port: int) -> None:
    import pyuwsgi

    options = "--need-app --disable-logging --workers 1 --threads 8 --die-on-term --module support.apps:wsgi"
    pyuwsgi.run(["--http-socket", f"127.0.0.1:{port}", *options.split()])


def werkzeug(port: int) -> None:
    from werkzeug.serving import run_simple

    from support.apps import wsgi

    run_simple("127.0.0.1", port, wsgi, threaded=True)


def wsgiref(port: int) -> None:
    from support.apps import wsgi

    class Handler(WSGIRequestHandler):
        timeout = 5  # it serves one connection at a time: an idle one must not keep the others waiting

    make_server("127.0.0.1", port, wsgi, handler_class=Handler).serve_forever()


if __name__ == "__main__":
    globals()[sys.argv[1]](int(sys.argv[2]))
