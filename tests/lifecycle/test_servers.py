"""A server that is told to end delivers the span of every finished request, once, and ends as it would without us."""

import re
import signal
import socket
import sys

import pytest

from tests.receiver import Receiver
from tests.support import LAUNCHER, PATIENCE, Service, exporting_to

REQUESTS = 8
# So that only what is sent at the end can have arrived.
LATER = "30000"

FASTAPI = ("uvicorn", "fastapi_service:app", "--port", "{port}")
FLASK = ("gunicorn", "flask_service:app", "--bind", "127.0.0.1:{port}")
SERVERS = {
    "uvicorn": FASTAPI,
    "uvicorn with 2 workers": (*FASTAPI, "--workers", "2"),
    "uvicorn that reloads": (*FASTAPI, "--reload"),
    "gunicorn": FLASK,
    "gunicorn with 2 workers": (*FLASK, "--workers", "2"),
    "gunicorn with threads": (*FLASK, "--threads", "4"),
    "gunicorn with gevent": (*FLASK, "--worker-class", "gevent"),
    "gunicorn with uvicorn's worker": (
        *("gunicorn", "fastapi_service:app", "--bind", "127.0.0.1:{port}"),
        *("--worker-class", "uvicorn.workers.UvicornWorker"),
    ),
    "gunicorn that preloads": (*FLASK, "--workers", "2", "--preload"),
    "hypercorn": ("hypercorn", "fastapi_service:app", "--bind", "127.0.0.1:{port}"),
    "hypercorn with 2 workers": ("hypercorn", "fastapi_service:app", "--bind", "127.0.0.1:{port}", "--workers", "2"),
    "granian": ("granian", "--interface", "asgi", "fastapi_service:app", "--port", "{port}"),
    "granian with WSGI": ("granian", "--interface", "wsgi", "flask_service:app", "--port", "{port}"),
    "flask run": ("flask", "--app", "flask_service", "run", "--port", "{port}"),
    "a script": ("env", "PORT={port}", sys.executable, "flask_service.py"),
}
TELLING = {
    ("uvicorn", signal.SIGTERM),
    ("uvicorn", signal.SIGINT),
    ("uvicorn with 2 workers", signal.SIGTERM),
    ("gunicorn", signal.SIGTERM),
    ("gunicorn with gevent", signal.SIGTERM),
    ("gunicorn with uvicorn's worker", signal.SIGTERM),
    ("flask run", signal.SIGTERM),
}
MATRIX = [
    pytest.param(
        server, number, marks=() if (server, number) in TELLING else pytest.mark.matrix, id=f"{server}, {number.name}"
    )
    for server in SERVERS
    for number in (signal.SIGTERM, signal.SIGINT)
]


def answer(service: Service, path: str) -> bytes:
    """What a server answers until it closes the connection: then it has finished the request, too."""
    with socket.create_connection(("127.0.0.1", service.port), PATIENCE) as connection:
        connection.sendall(b"GET %b HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n" % path.encode())
        return b"".join(iter(lambda: connection.recv(65536), b""))


def ended(service: Service, number: int) -> tuple[int, list[str]]:
    """The exit code of a server that answered and was then told to end; and its lines, but for what always differs."""
    with service:
        for request in range(REQUESTS):
            assert b" 200 " in answer(service, f"/hello/{request}")
        output = service.stop(number)
    return service.process.returncode, sorted(
        {re.sub(r"[0-9a-f-]*\d[0-9a-f-]*", "#", line) for line in output.splitlines()}
    )


@pytest.mark.parametrize("server, number", MATRIX)
def test_a_server_that_is_told_to_end_delivers_what_it_has(
    receiver: Receiver, server: str, number: signal.Signals
) -> None:
    untraced = ended(Service(*SERVERS[server]), number)
    traced = ended(
        Service(LAUNCHER, "--", *SERVERS[server], **exporting_to(receiver, OTEL_BSP_SCHEDULE_DELAY=LATER)), number
    )

    hellos = [span for span in receiver.spans() if "hello" in str(span.attributes.get("http.route"))]
    assert sorted(str(span.attributes["url.path"]) for span in hellos) == [f"/hello/{n}" for n in range(REQUESTS)]
    assert traced == untraced
