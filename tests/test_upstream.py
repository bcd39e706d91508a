"""Under upstream's own launcher our distro and configurator do the same work."""

import pytest

from tests.receiver import Receiver
from tests.support import LAUNCHER, Service, exporting_to, received, run

DOORS = {"OTEL_PYTHON_DISTRO": "platform_otel", "OTEL_PYTHON_CONFIGURATOR": "platform_otel"}
COMMANDS = {
    "fastapi": ("uvicorn", "fastapi_service:app", "--port", "{port}"),
    "starlette": ("uvicorn", "starlette_service:app", "--port", "{port}"),
    "flask": ("gunicorn", "flask_service:app", "--bind", "127.0.0.1:{port}"),
}
# What differs from process to process and from request to request.
VARYING = {"service.instance.id", "process.pid", "client.port", "network.peer.port", "server.port", "server.address"}


def spans_of(receiver: Receiver, *command: str, **variables: str) -> list[dict[str, object]]:
    with Service(*command, **exporting_to(receiver, **variables)) as service:
        service.get("/hello/a")
        service.get("/no/such/page")
        received(receiver, 2)
    return [
        {
            "name": span.name,
            "kind": span.kind,
            "status": span.status,
            "scope": span.scope.name,
            **{key: value for key, value in {**span.resource, **span.attributes}.items() if key not in VARYING},
        }
        for span in sorted(receiver.spans(), key=lambda span: span.start)
    ]


@pytest.mark.parametrize("framework", COMMANDS)
def test_opentelemetry_instrument_gives_the_same_spans(framework: str) -> None:
    with Receiver() as ours, Receiver() as upstreams:
        by_us = spans_of(ours, LAUNCHER, "--", *COMMANDS[framework])
        by_upstream = spans_of(upstreams, "opentelemetry-instrument", *COMMANDS[framework], **DOORS)

    assert by_us == by_upstream
    assert len(by_us) == 2


def test_both_launchers_at_once_trace_once(receiver: Receiver) -> None:
    command = (LAUNCHER, "--", "opentelemetry-instrument", *COMMANDS["fastapi"])
    spans = spans_of(receiver, *command, **DOORS)

    assert [span["name"] for span in spans] == ["GET /hello/{name}", "GET"]


def test_our_distro_loads_no_library_before_the_service_does() -> None:
    code = "import sys; print([name for name in ('flask', 'fastapi', 'httpx', 'starlette') if name in sys.modules])"
    outcome = run("opentelemetry-instrument", "python", "-c", code, **DOORS)

    assert outcome.stdout == "[]\n"
