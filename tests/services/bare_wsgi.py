"""A WSGI application of no framework; runs itself as a script, too."""

import sys
from collections.abc import Callable, Iterable
from typing import Any
from wsgiref.simple_server import make_server


def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    if environ["PATH_INFO"] == "/broken":
        raise ValueError("broken")
    start_response("200 OK", [("Content-Length", "2")])
    return [b"ok"]


if __name__ == "__main__":
    server, port = sys.argv[1:]
    if server == "werkzeug":
        from werkzeug.serving import run_simple

        run_simple("127.0.0.1", int(port), app)
    else:
        make_server("127.0.0.1", int(port), app).serve_forever()
