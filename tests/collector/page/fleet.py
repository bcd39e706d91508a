"""What the page's tests look at: requests through five services, and what goes wrong with them."""

from __future__ import annotations

from typing import NamedTuple

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from tests.collector.running import Collector, Made, eventually, log_body, request

CLIENT, SERVER, INTERNAL = Span.SPAN_KIND_CLIENT, Span.SPAN_KIND_SERVER, Span.SPAN_KIND_INTERNAL
GOOD, FAILING, REPEATING, SKEWED, SLOW, ANEW_CALLER, ANEW, LARGE = range(1, 9)
REPEATS = 50
LARGE_SPANS = 10_000
_PATH = ("gate", "identity", "llm-gateway", "prompts", "meter")
_REMOTE = 0x300  # of OTLP's Span.flags: it is known that the parent is remote, and it is
# So long ago everything began, in milliseconds: late spans would still be waited for by what finds broken links.
_AGO = -60_000


class Fleet(NamedTuple):
    """The collector that was told of it."""

    collector: Collector

    @property
    def address(self) -> str:
        """Where the page is."""
        return self.collector.query

    def send_everything(self) -> None:
        """One trace of each sort, and several that are good."""
        for number in range(20):
            self.send(*journey(100 + number, _AGO - 1000 * number))
        self.send(*journey(GOOD, _AGO))
        self.send(*journey(SLOW, _AGO, own=900))
        self.send(*journey(SKEWED, _AGO, skew=-200))
        self.send(*journey(REPEATING, _AGO), *_repeated(REPEATING, _AGO))
        self.send_failing()
        self.send(*_begins_anew())
        self.collector.send(log_body("charged ada", trace=FAILING, span=5 * 16 + 2), "logs")
        eventually(lambda: len(self.collector.get("/query/services")["services"]) >= 6)

    def send_failing(self) -> None:
        """A failure that begins at meter and takes the others down."""
        message = request(*journey(FAILING, _AGO, failed=True))
        for span in _spans(message):
            if span.span_id == (5 * 16 + 2).to_bytes(8, "big"):
                event = span.events.add(name="exception", time_unix_nano=span.end_time_unix_nano)
                for key, text in (("type", "LimitExceeded"), ("message", "1000 of 1000"), ("stacktrace", "in check")):
                    attribute = event.attributes.add(key=f"exception.{key}")
                    attribute.value.string_value = text
        self._post(message)

    def send(self, *spans: Made) -> None:
        """Send spans; those of servers say that their parent is elsewhere."""
        self._post(request(*spans))

    def send_large(self) -> str:
        """A trace of 10,000 spans under different names; its id."""
        spans = [Made(LARGE, 1, service="gate", name="GET /large", milliseconds=LARGE_SPANS)]
        spans += [
            Made(LARGE, number, 1 + number // 20, f"service-{number % 14}", f"step {number}", number, 5, INTERNAL)
            for number in range(2, LARGE_SPANS + 1)
        ]
        self.send(*spans)
        return trace_id(LARGE)

    def _post(self, message: ExportTraceServiceRequest) -> None:
        for span in _spans(message):
            if span.kind == SERVER and span.parent_span_id:
                span.flags = _REMOTE
        answer = self.collector.send(message.SerializeToString())
        assert answer.status == 200, answer


def trace_id(number: int) -> str:
    """The id of a trace of the fleet."""
    return f"{number:032x}"


def journey(trace: int, start: int, own: int = 0, skew: int = 0, failed: bool = False) -> list[Made]:
    """A request through all services, one after the other: for each a server span, and a client span for the next.

    llm-gateway needs ``own`` milliseconds more than usual; the clock of prompts is ``skew`` milliseconds ahead.
    """
    spans = []
    status = 2 if failed else 0
    for place, service in enumerate(_PATH):
        number, above = 16 * (place + 1), 16 * place + 1
        took = 200 - 30 * place + (own if place < 3 else 0)
        begins = start + 10 * place + (skew if service == "prompts" else 0)
        parent = above if place else 0
        spans.append(Made(trace, number + 2, parent, service, f"GET /{service}", begins, took, SERVER, status))
        if place + 1 < len(_PATH):
            wait = took - 20 - (own if service == "llm-gateway" else 0)
            address = {"server.address": _PATH[place + 1], "http.request.method": "GET"}
            spans.append(Made(trace, number + 1, number + 2, service, "GET", begins + 5, wait, CLIENT, status, address))
    return spans


def _repeated(trace: int, start: int) -> list[Made]:
    what = {"db.system.name": "postgresql", "server.address": "db"}
    return [
        Made(trace, 1000 + number, 2 * 16 + 2, "identity", "SELECT", start + 12 + number * 2, 2, CLIENT, 0, what)
        for number in range(REPEATS)
    ]


def _begins_anew() -> list[Made]:
    called = {"server.address": "billing", "http.request.method": "POST", "url.path": "/charge"}
    address = {"url.full": "http://billing/charge"}
    return [
        Made(ANEW_CALLER, 1, 0, "gate", "POST /orders", _AGO, 50),
        Made(ANEW_CALLER, 2, 1, "gate", "POST", _AGO + 5, 40, CLIENT, 0, {**called, **address}),
        Made(ANEW, 3, 0, "billing", "POST /charge", _AGO + 10, 25, SERVER, 0, called),
    ]


def _spans(message: ExportTraceServiceRequest) -> list[Span]:
    return [span for of in message.resource_spans for scope in of.scope_spans for span in scope.spans]
