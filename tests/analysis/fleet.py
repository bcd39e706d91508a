"""A fleet of 14 services in spans: healthy in every odd way that fleets are, but for the faults that are planted.

The same seed gives the same spans and the same truth.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from random import Random
from typing import NamedTuple

from platform_otel.analysis.tree import TraceSpan

MILLISECOND = 10**6
SECOND = 10**9

SERVICES = (
    "gate", "console", "identity", "llm-gateway", "prompts", "meter", "billing",
    "ledger", "search", "catalog", "files", "audit", "notify", "mailer",
)  # fmt: skip
EDGES = SERVICES[:2]
# Nobody traces what is called here, and nobody should be blamed for it.
OUTSIDE = "api.payments.example"

_ASKED = 24  # how often each flow is asked for
_SPACE = 120 * SECOND  # within which time
_CLIENTS = ("Mozilla/5.0 (X11; Linux x86_64)", "python-requests/2.32.3", "okhttp/4.12.0", "curl/8.5.0")
_SKEW = 200 * MILLISECOND


class Truth(NamedTuple):
    """What must be found, and nothing else.

    Args:
        broken: cause, caller, callee, operation.
        skewed: service, and by how many milliseconds its clock is behind.
        slow: what, service, operation.
        errors: service, operation, type, and the services that it took down.
        untraced: the address of the service without spans.
    """

    broken: set[tuple[str, str, str, str]]
    skewed: tuple[str, int]
    slow: set[tuple[str, str, str]]
    errors: set[tuple[str, str, str, frozenset[str]]]
    untraced: str


class Fleet(NamedTuple):
    """The spans of all services, in any order, and what is wrong with them."""

    spans: list[TraceSpan]
    truth: Truth


class _Fault(NamedTuple):
    """What goes wrong at one service of a flow, where it is called by the one before it."""

    name: str
    place: int


class _Flow(NamedTuple):
    """A request that goes through services, one after the other, each doing some work before and after."""

    path: tuple[str, ...]
    route: str
    fault: _Fault


class _Request(NamedTuple):
    """Where in a flow, when, and what came with the call."""

    flow: _Flow
    place: int
    start: int
    trace: str
    parent: str
    attributes: dict[str, object]


def generate(seed: int, start: int = 1_700_000_000 * SECOND) -> Fleet:
    """The fleet of this seed; its first span begins about then, in nanoseconds since the epoch."""
    return _Generator(Random(seed), start).fleet()


class _Generator:
    def __init__(self, random: Random, start: int) -> None:
        self._random = random
        self._start = start
        self._spans: list[TraceSpan] = []
        inner = [name for name in SERVICES if name not in EDGES]
        random.shuffle(inner)
        self._untraced, self._skewed, *self._inner = inner
        self._behind = random.choice((_SKEW, -_SKEW))
        named = random.random() < 0.5
        self._places = {name: name if named else f"10.0.0.{10 + SERVICES.index(name)}" for name in SERVICES}
        # What a service keeps of a request of which its caller keeps nothing.
        self._kept_alone: list[TraceSpan] = []

    # --- The plan -----------------------------------------------------------------------------------------------------

    def fleet(self) -> Fleet:
        flows = [self._flow(number, name) for number, name in enumerate(_FAULTS)]
        for flow in flows:
            for _ in range(_ASKED):
                self._ask(flow)
        for _ in range(120):
            self._probe()
        spans = [
            span._replace(start=span.start - self._off(span), end=span.end - self._off(span)) for span in self._spans
        ]
        self._random.shuffle(spans)
        return Fleet(spans, self._truth(flows))

    def _off(self, span: TraceSpan) -> int:
        return self._behind if span.service == self._skewed else 0

    def _flow(self, number: int, fault: str) -> _Flow:
        """Four services behind an edge; the fault is at one that is not the edge."""
        path = [self._random.choice(EDGES), *self._random.sample(self._inner, 4)]
        place = self._random.randint(1, 3)
        if fault == "untraced":
            path.insert(place, self._untraced)
        elif fault == "skew":
            path.insert(place, self._skewed)
        elif fault == "error":
            path, place = path[:4], 3
        elif number % 3 == 0:
            path.append(self._skewed)
        return _Flow(tuple(path), f"/{fault or 'fine'}-{number}", _Fault(fault, place))

    def _truth(self, flows: list[_Flow]) -> Truth:
        by_fault = {flow.fault.name: flow for flow in flows}

        def at(fault: str, further: int = 0) -> tuple[str, str]:
            flow = by_fault[fault]
            return flow.path[flow.fault.place + further], f"GET {flow.route}"

        def between(fault: str) -> tuple[str, str, str]:
            flow = by_fault[fault]
            return flow.path[flow.fault.place - 1], *at(fault)

        error = by_fault["error"]
        refused = by_fault["refused"]
        return Truth(
            broken={
                ("header_not_forwarded", *between("dropped")),
                ("foreign_header", *between("b3")),
                ("caller_not_traced", self._shown(self._untraced), *at("untraced", 1)),
                ("sampled_out", *between("sampled")),
                ("parent_never_arrived", *between("lost")),
            },
            skewed=(self._skewed, self._behind // MILLISECOND),
            slow={("slow_hop", *at("slow")), ("queue", *at("queue")), ("repeated_calls", *at("repeated"))},
            errors={
                (*at("error"), "ValueError", frozenset(error.path[:3])),
                (refused.path[refused.fault.place], "GET", "ConnectionRefusedError", frozenset()),
            },
            untraced=self._shown(self._untraced),
        )

    def _shown(self, service: str) -> str:
        return f"{self._places[service]}:8000"

    # --- Requests -----------------------------------------------------------------------------------------------------

    def _ask(self, flow: _Flow) -> None:
        """One request from outside; of a tenth of them nothing is kept, and nobody misses it."""
        begun = len(self._spans)
        attributes: dict[str, object] = {"user_agent.original": self._random.choice(_CLIENTS)}
        trace = f"{self._random.getrandbits(128) | 1:032x}"
        start = self._start + self._random.randrange(_SPACE)
        self._serve(_Request(flow, 0, start, trace, "", attributes))
        if self._kept_alone:
            self._spans[begun:] = self._kept_alone
            self._kept_alone = []
        if self._random.random() < 0.1:
            del self._spans[begun:]

    def _probe(self) -> None:
        """A health check of some service."""
        service = self._random.choice([name for name in SERVICES if name != self._untraced])
        start = self._start + self._random.randrange(_SPACE)
        trace = f"{self._random.getrandbits(128) | 1:032x}"
        attributes = {**self._asked(service, "/healthz"), "user_agent.original": "kube-probe/1.30"}
        self._add(trace, "", service, "GET /healthz", "server", start, start + self._some(1), attributes)

    def _serve(self, request: _Request) -> tuple[int, bool]:
        """A server's part: when it ended, and whether it failed."""
        flow, place, start, trace, parent, attributes = request
        service, here = flow.path[place], flow.fault.name if flow.fault.place == place else ""
        traced = service != self._untraced
        span = self._new_id()
        time = start + self._some(3)
        if here == "slow":
            time += 400 * MILLISECOND + self._some(50)
        if here in _BESIDE:
            time = _BESIDE[here](self, trace, span, service, time)
        failed = here == "error" and self._happens()
        if place + 1 < len(flow.path):
            time, failed = self._call(request._replace(start=time, parent=span if traced else parent))
        end = time + self._some(2)
        if traced:
            described = {**self._asked(service, flow.route), **attributes}
            described["http.response.status_code"] = 500 if failed else 200
            began = "" if not failed or here != "error" else "ValueError"
            self._add(trace, parent, service, f"GET {flow.route}", "server", start, end, described, failed, began, span)
        return end, failed

    def _call(self, request: _Request) -> tuple[int, bool]:
        """A client's part: when the answer was there, and whether it was an error."""
        flow, place, start, trace, parent, _ = request
        caller, callee = flow.path[place], flow.path[place + 1]
        there = flow.fault.name if flow.fault.place == place + 1 else ""
        span = self._new_id()
        arrives = start + self._some(1) + (180 * MILLISECOND + self._some(60) if there == "queue" else 0)
        sent = _Request(flow, place + 1, arrives, trace, span, {})
        if caller == self._untraced or there in ("dropped", "b3"):
            sent = sent._replace(trace=f"{self._random.getrandbits(128) | 1:032x}", parent="")
        if there == "b3":
            sent.attributes["platform_trace.ignored_context"] = self._random.choice(("b3", "x-b3-traceid"))
        begun = len(self._spans)
        answered, failed = self._serve(sent)
        end = answered + self._some(1)
        if caller != self._untraced:
            described = {**self._to(callee, flow.route), "http.response.status_code": 500 if failed else 200}
            if failed:
                described["error.type"] = "500"
            self._add(trace, parent, caller, "GET", "client", start, end, described, failed, "", span)
        if there == "lost" and self._happens():
            self._spans.pop()
        if there == "sampled" and self._happens():
            self._kept_alone = self._spans[begun:-1]
        return end, failed

    # --- What healthy services do, and some that are not --------------------------------------------------------------

    def _outside(self, trace: str, parent: str, service: str, time: int) -> int:
        """A call to somebody else's service."""
        end = time + 20 * MILLISECOND + self._some(30)
        attributes = {"http.request.method": "POST", "url.full": f"https://{OUTSIDE}/v1/charges"}
        self._add(trace, parent, service, "POST", "client", time, end, attributes)
        return end

    def _database(self, trace: str, parent: str, service: str, time: int) -> int:
        end = time + self._some(3)
        attributes: dict[str, object] = {"db.system.name": "postgresql", "server.address": "db", "server.port": 5432}
        self._add(trace, parent, service, "SELECT", "client", time, end, attributes)
        return end

    def _repeated(self, trace: str, parent: str, service: str, time: int) -> int:
        for _ in range(50):
            time = self._database(trace, parent, service, time) + self._some(1) // 20
        return time

    def _parallel(self, trace: str, parent: str, service: str, time: int) -> int:
        """Many calls at once, as it should be."""
        return max(self._database(trace, parent, service, time + self._some(1) // 50) for _ in range(20))

    def _refused(self, trace: str, parent: str, service: str, time: int) -> int:
        """A call that nobody takes; the service goes on without."""
        end = time + self._some(1)
        attributes = {**self._to("identity", "/refused"), "error.type": "ConnectionRefusedError"}
        self._add(trace, parent, service, "GET", "client", time, end, attributes, True)
        return end

    def _retried(self, trace: str, parent: str, service: str, time: int) -> int:
        """A client around a client: the outer one is answered by the inner ones."""
        outer, begun = self._new_id(), time
        for _ in range(2):
            time = self._outside(trace, outer, service, time)
        attributes = {"http.request.method": "POST", "url.full": f"https://{OUTSIDE}/v1/charges"}
        self._add(trace, parent, service, "POST", "client", begun, time, attributes, span=outer)
        return time

    def _outlived(self, trace: str, parent: str, service: str, time: int) -> int:
        """A server that works on when its answer is out."""
        span, end = self._new_id(), time + self._some(4)
        self._add(trace, parent, service, "GET", "client", time, end, self._to("audit", "/note"), span=span)
        if self._untraced != "audit" and self._skewed != "audit":
            late = end + 30 * MILLISECOND
            self._add(trace, span, "audit", "GET /note", "server", time + 10, late, self._asked("audit", "/note"))
        return end

    def _message(self, trace: str, parent: str, service: str, time: int) -> int:
        """A message whose consumer begins a trace that has a link."""
        attributes = {"messaging.system": "kafka", "messaging.destination.name": "mails"}
        end = time + self._some(1)
        self._add(trace, parent, service, "send mails", "producer", time, end, attributes)
        if self._untraced != "mailer":
            begun = end + self._some(500)
            other = f"{self._random.getrandbits(128) | 1:032x}"
            self._add(
                other, "", "mailer", "process mails", "consumer", begun, begun + self._some(9), attributes, links=1
            )
        return end

    # --- Spans --------------------------------------------------------------------------------------------------------

    def _some(self, milliseconds: int) -> int:
        """Around so long: always something, seldom the same."""
        return round(milliseconds * MILLISECOND * self._random.uniform(0.5, 1.5))

    def _happens(self) -> bool:
        return self._random.random() < 0.5

    def _new_id(self) -> str:
        return f"{self._random.getrandbits(64) | 1:016x}"

    def _to(self, service: str, path: str) -> dict[str, object]:
        address = self._places[service]
        url = f"http://{address}:8000{path}"
        return {"http.request.method": "GET", "url.full": url, "server.address": address, "server.port": 8000}

    def _asked(self, service: str, path: str) -> dict[str, object]:
        address = self._places[service]
        return {"http.request.method": "GET", "url.path": path, "server.address": address, "server.port": 8000}

    def _add(
        self,
        trace: str,
        parent: str,
        service: str,
        name: str,
        kind: str,
        start: int,
        end: int,
        attributes: Mapping[str, object],
        failed: bool = False,
        exception: str = "",
        span: str = "",
        links: int = 0,
    ) -> None:
        status = "error" if failed else "unset"
        remote = kind in ("server", "consumer") and bool(parent)
        self._spans.append(
            TraceSpan(
                trace, span or self._new_id(), parent, service, name, kind, start, end, status, "", attributes, remote,
                exception, links,
            )
        )  # fmt: skip


_BESIDE: dict[str, Callable[[_Generator, str, str, str, int], int]] = {
    "repeated": _Generator._repeated,
    "outside": _Generator._outside,
    "parallel": _Generator._parallel,
    "refused": _Generator._refused,
    "retried": _Generator._retried,
    "outlived": _Generator._outlived,
    "message": _Generator._message,
    "database": _Generator._database,
}
_PLANTED = ("slow", "queue", "repeated", "dropped", "b3", "untraced", "skew", "error", "sampled", "lost")
_HEALTHY = ("", "outside", "parallel", "refused", "retried", "outlived", "message", "database")
_FAULTS = (*_PLANTED, *_HEALTHY)


def batches(spans: list[TraceSpan], size: int) -> Iterator[list[TraceSpan]]:
    """As exporters send them."""
    for place in range(0, len(spans), size):
        yield spans[place : place + size]
