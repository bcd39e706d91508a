"""A collector as a child process, and what to send it."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from http.client import HTTPConnection
from pathlib import Path
from time import monotonic, sleep
from typing import Any, NamedTuple
from urllib.parse import urlencode

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from tests.support import LAUNCHER, PATIENCE, environment

PROTOBUF = "application/x-protobuf"
JSON = "application/json"
_READY = re.compile(r"OTLP/gRPC (\S+), OTLP/HTTP http://(\S+), queries http://(\S+)\n")


class Answer(NamedTuple):
    """A response."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Collector:
    """``platform-trace collector`` on free ports, ended with the block.

    Args:
        command: what to run in place of it.
        folder: where it runs.
    """

    def __init__(
        self,
        *options: str,
        db: str | Path = ":memory:",
        command: Sequence[str] = (),
        folder: Path | None = None,
        **variables: str,
    ) -> None:
        ports = ("--grpc-port", "0", "--http-port", "0", "--query-port", "0")
        self._command = list(command) or [LAUNCHER, "collector", "--db", str(db), *ports, *options]
        self._environment = environment(**variables)
        self._folder = folder
        self._output = tempfile.TemporaryFile()  # noqa: SIM115  # closed with the test, when it is collected

    def __enter__(self) -> Collector:
        self.process = subprocess.Popen(
            self._command,
            env=self._environment,
            cwd=self._folder,
            stdin=subprocess.DEVNULL,
            stdout=self._output,
            stderr=self._output,
        )
        self.grpc, self.http, self.query = self._ready()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Signal it and wait for its end; the exit code."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        try:
            return self.process.wait(PATIENCE)
        finally:
            self.process.kill()

    def output(self) -> str:
        """What it printed so far."""
        self._output.seek(0)
        return self._output.read().decode(errors="replace")

    def send(self, body: bytes, signal: str = "traces", content_type: str = PROTOBUF, **headers: str) -> Answer:
        """POST to the OTLP/HTTP port; ``_`` in names of headers stands for ``-``."""
        return ask(self.http, "POST", f"/v1/{signal}", body, content_type=content_type, **headers)

    def get(self, path: str, **parameters: object) -> Any:
        """The JSON that a query answers."""
        answer = self.ask(path, **parameters)
        assert answer.status == 200, answer
        return answer.json

    def ask(self, path: str, **parameters: object) -> Answer:
        """What a query answers."""
        return ask(self.query, "GET", f"{path}?{urlencode(parameters)}" if parameters else path)

    def spans(self, trace_id: str) -> list[dict[str, Any]]:
        """The spans of a trace, as OTLP/JSON."""
        return [span for _, span in spans_of(self.get(f"/query/traces/{trace_id}"))]

    def _ready(self) -> tuple[str, str, str]:
        deadline = monotonic() + PATIENCE
        while monotonic() < deadline and self.process.poll() is None:
            if found := _READY.search(self.output()):
                return found[1], found[2], found[3]
            sleep(0.01)
        raise AssertionError(f"the collector did not get ready: {self.output()}")


def ask(address: str, method: str, path: str, body: bytes | str | None = None, **headers: str) -> Answer:
    """One request on a connection of its own."""
    connection = HTTPConnection(address, timeout=PATIENCE)
    try:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, path, body, named)
        response = connection.getresponse()
        described = {name.lower(): value for name, value in response.getheaders()}
        return Answer(response.status, described, response.read())
    finally:
        connection.close()


def spans_of(data: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Service and span, of each in OTLP/JSON."""
    for of_resource in data["resourceSpans"]:
        attributes = {each["key"]: each["value"] for each in of_resource["resource"]["attributes"]}
        for of_scope in of_resource["scopeSpans"]:
            for span in of_scope["spans"]:
                yield attributes["service.name"]["stringValue"], span


def eventually(condition: Callable[[], bool]) -> None:
    """Wait until the condition holds."""
    deadline = monotonic() + PATIENCE
    while not condition():
        assert monotonic() < deadline, "it never came true"
        sleep(0.02)


# --- What to send -----------------------------------------------------------------------------------------------------


class Made(NamedTuple):
    """A span to send; ids as numbers, times in milliseconds from BASE."""

    trace: int
    span: int
    parent: int = 0
    service: str = "shop"
    name: str = "GET /"
    start: int = 0
    milliseconds: int = 10
    kind: int = Span.SPAN_KIND_SERVER
    status: int = 0
    attributes: Mapping[str, str | int | bool | float] = {}

    @property
    def trace_id(self) -> str:
        return f"{self.trace:032x}"


BASE = time.time_ns() // 10**9 * 10**9


def request(*spans: Made) -> ExportTraceServiceRequest:
    """The request that has these spans, in order."""
    message = ExportTraceServiceRequest()
    for made in spans:
        of_resource = message.resource_spans.add()
        attribute = of_resource.resource.attributes.add()
        attribute.key, attribute.value.string_value = "service.name", made.service
        span = of_resource.scope_spans.add().spans.add()
        span.trace_id, span.span_id = made.trace.to_bytes(16, "big"), made.span.to_bytes(8, "big")
        span.parent_span_id = made.parent.to_bytes(8, "big") if made.parent else b""
        span.name, span.status.code = made.name, made.status  # type: ignore[assignment]  # numbers are what is sent
        span.kind = made.kind  # type: ignore[assignment]
        span.start_time_unix_nano = BASE + made.start * 10**6
        span.end_time_unix_nano = span.start_time_unix_nano + made.milliseconds * 10**6
        for key, value in made.attributes.items():
            set_attribute(span.attributes.add(), key, value)
    return message


def body(*spans: Made) -> bytes:
    """The same on the wire."""
    return request(*spans).SerializeToString()


def log_body(*texts: str, trace: int = 0, span: int = 0) -> bytes:
    """A request with log records of these texts."""
    message = ExportLogsServiceRequest()
    of_resource = message.resource_logs.add()
    set_attribute(of_resource.resource.attributes.add(), "service.name", "shop")
    for text in texts:
        record = of_resource.scope_logs.add().log_records.add()
        record.body.string_value, record.time_unix_nano = text, BASE
        record.trace_id = trace.to_bytes(16, "big") if trace else b""
        record.span_id = span.to_bytes(8, "big") if span else b""
    return message.SerializeToString()


def set_attribute(attribute: Any, key: str, value: str | bool | float) -> None:
    kinds = {str: "string_value", bool: "bool_value", int: "int_value", float: "double_value"}
    attribute.key = key
    setattr(attribute.value, kinds[type(value)], value)


PYTHON = sys.executable
