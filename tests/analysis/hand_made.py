"""Traces made by hand: each shows one thing that happens between services. Times in milliseconds."""

from __future__ import annotations

from collections.abc import Mapping

from platform_otel.analysis.tree import TraceSpan

MS = 1_000_000
HOUR = 3_600_000
SQLITE = {"db.system.name": "sqlite"}
PRICES = {"server.address": "prices", "server.port": 8001}


def made(
    span_id: str,
    parent_id: str,
    service: str,
    kind: str,
    start: int,
    end: int,
    status: str = "unset",
    attributes: Mapping[str, object] = {},
) -> TraceSpan:
    """A span; its times in milliseconds."""
    return TraceSpan("t", span_id, parent_id, service, span_id, kind, start * MS, end * MS, status, "", attributes)


# gate      |----------------------------------------------------| 0..100
#   client      |----------------------------------------|         10..90
#     meter         |------------------------------|               20..80
#       sqlite          |--------|                                 30..50
CHAIN = [
    made("gate", "", "gate", "server", 0, 100),
    made("call", "gate", "gate", "client", 10, 90),
    made("meter", "call", "meter", "server", 20, 80),
    made("query", "meter", "meter", "client", 30, 50, attributes=SQLITE),
]

# Two services are asked at once: 10..60 and 20..90, together 10..90.
FAN_OUT = [
    made("gate", "", "gate", "server", 0, 100),
    made("to prices", "gate", "gate", "client", 10, 60),
    made("prices", "to prices", "prices", "server", 15, 55),
    made("to meter", "gate", "gate", "client", 20, 90),
    made("meter", "to meter", "meter", "server", 30, 80),
]

# One service is asked twice at once: 10..50 and 30..90. From 30 on gate waits for the second, so the first has 20 of
# its 40 ms: half of its network (10) and half of meter's work (30).
PARALLEL = [
    made("gate", "", "gate", "server", 0, 100),
    made("first", "gate", "gate", "client", 10, 50),
    made("meter 1", "first", "meter", "server", 15, 45),
    made("second", "gate", "gate", "client", 30, 90),
    made("meter 2", "second", "meter", "server", 40, 80),
]

# The example of docs/explanation/hops.md: as PARALLEL, and meter asks its database in the second call.
EXAMPLE = [*PARALLEL, made("query", "meter 2", "meter", "client", 50, 70, attributes=SQLITE)]

# The first attempt fails, gate pauses for 20 ms, the second one succeeds. The pause is gate's own.
RETRY = [
    made("gate", "", "gate", "server", 0, 100),
    made("first", "gate", "gate", "client", 10, 30, "error"),
    made("meter 1", "first", "meter", "server", 12, 28, "error"),
    made("second", "gate", "gate", "client", 50, 90),
    made("meter 2", "second", "meter", "server", 55, 85),
]

# The first attempt does not reach anybody; only its client span is there.
REFUSED = [
    made("gate", "", "gate", "server", 0, 100),
    made("first", "gate", "gate", "client", 10, 15, "error", PRICES),
    made("second", "gate", "gate", "client", 50, 90, attributes=PRICES),
    made("prices", "second", "prices", "server", 55, 85),
]

# A client that tries again by itself: one client span, and meter is asked twice. What lies between is network.
ATTEMPTS_BELOW_ONE_CALL = [
    made("gate", "", "gate", "server", 0, 100),
    made("call", "gate", "gate", "client", 10, 90),
    made("meter 1", "call", "meter", "server", 15, 35, "error"),
    made("meter 2", "call", "meter", "server", 50, 80),
]

# A client that asks a second time before the first answer is there: 15..65 and 40..80 are 65 ms of meter's work.
HEDGED = [
    made("gate", "", "gate", "server", 0, 100),
    made("call", "gate", "gate", "client", 10, 90),
    made("meter 1", "call", "meter", "server", 15, 65),
    made("meter 2", "call", "meter", "server", 40, 80),
]

# gate hands a message over and goes on; the worker takes it up later and asks meter.
MESSAGE = [
    made("gate", "", "gate", "server", 0, 50),
    made("send", "gate", "gate", "producer", 10, 20),
    made("work", "send", "worker", "consumer", 200, 300),
    made("call", "work", "worker", "client", 220, 260),
    made("meter", "call", "meter", "server", 225, 255),
]

# As CHAIN, but meter's clock is an hour ahead.
SKEW = [
    made("gate", "", "gate", "server", 0, 100),
    made("call", "gate", "gate", "client", 10, 90),
    made("meter", "call", "meter", "server", HOUR, HOUR + 60),
    made("query", "meter", "meter", "client", HOUR + 10, HOUR + 30, attributes=SQLITE),
]

# As ATTEMPTS_BELOW_ONE_CALL, but meter's clock is an hour behind: the attempts keep their distance.
SKEWED_ATTEMPTS = [
    made("gate", "", "gate", "server", 0, 100),
    made("call", "gate", "gate", "client", 10, 90),
    made("meter 1", "call", "meter", "server", 15 - HOUR, 35 - HOUR, "error"),
    made("meter 2", "call", "meter", "server", 50 - HOUR, 80 - HOUR),
]

# Nothing in gate makes client spans: how long gate waited is not known, only how long meter worked.
NO_CLIENT_SPAN = [
    made("gate", "", "gate", "server", 0, 100),
    made("meter", "gate", "meter", "server", 20, 80),
]

# Nobody traces prices: network and its work cannot be told apart.
NO_SERVER_SPAN = [
    made("gate", "", "gate", "server", 0, 100),
    made("call", "gate", "gate", "client", 10, 90, attributes=PRICES),
]

# meter's parent never arrived: nobody knows who called it.
NO_PARENT = [
    made("gate", "", "gate", "server", 0, 100),
    made("call", "gate", "gate", "client", 10, 90, attributes=PRICES),
    made("meter", "lost", "meter", "server", 20, 80),
]

# gate gives up after 30 ms, and meter works on for 80.
GIVEN_UP = [
    made("gate", "", "gate", "server", 0, 50),
    made("call", "gate", "gate", "client", 10, 40, "error"),
    made("meter", "call", "meter", "server", 15, 95),
]

# The client span ends with the headers, and the server goes on with the stream, for which it asks prices.
STREAM = [
    made("gate", "", "gate", "server", 0, 100),
    made("call", "gate", "gate", "client", 10, 30),
    made("meter", "call", "meter", "server", 20, 90),
    made("next", "meter", "meter", "client", 40, 80),
    made("prices", "next", "prices", "server", 45, 75),
]

# A client on top of a client, and spans within the services: the call is the inner one, what is around it gate's own.
WRAPPED = [
    made("gate", "", "gate", "server", 0, 100),
    made("handler", "gate", "gate", "internal", 5, 95),
    made("library", "handler", "gate", "client", 10, 90),
    made("call", "library", "gate", "client", 20, 80),
    made("connect", "call", "gate", "internal", 20, 25),
    made("meter", "connect", "meter", "server", 30, 70),
    made("sum", "meter", "meter", "internal", 40, 60),
]

# meter tidies up when gate has its answer already: no clock is wrong, and what a server does counts.
BEHIND_THE_ANSWER = [
    made("gate", "", "gate", "server", 0, 100),
    made("call", "gate", "gate", "client", 10, 90),
    made("meter", "call", "meter", "server", 40, 95),
]

# A service that asks itself, behind a proxy of its own that makes server spans too.
ITSELF = [
    made("proxy", "", "gate", "server", 0, 100),
    made("gate", "proxy", "gate", "server", 5, 95),
    made("call", "gate", "gate", "client", 10, 90),
    made("again", "call", "gate", "server", 20, 80),
]
