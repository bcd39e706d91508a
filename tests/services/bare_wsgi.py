"""A WSGI application of no framework; runs itself as a script, too."""

import sys
import tempfile
from collections.abc import Callable, Iterable
from typing import Any
from wsgiref.simple_server import make_server


def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    if environ["PATH_INFO"] == "/broken":
        raise ValueError("broken")
    if environ["PATH_INFO"] == "/file":
        file = tempfile.TemporaryFile()  # noqa: SIM115  # the server closes it
        file.truncate(_MORE_THAN_A_SOCKET_HOLDS)
        start_response("200 OK", [("Content-Length", str(_MORE_THAN_A_SOCKET_HOLDS))])
        wrapped: Iterable[bytes] = environ["wsgi.file_wrapper"](file)
        return wrapped
    start_response("200 OK", [("Content-Length", "2")])
    return [b"ok"]


_MORE_THAN_A_SOCKET_HOLDS = 2**26


if __name__ == "__main__":
    server, port = sys.argv[1:]
    if server == "werkzeug":
        from werkzeug.serving import run_simple

        run_simple("127.0.0.1", int(port), app)
    else:
        make_server("127.0.0.1", int(port), app).serve_forever()
