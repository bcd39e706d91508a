"""What the API's contract alone costs a span, beside what ours takes: no pipeline can be below.

Run by an interpreter that has the package: .venv/bin/python benchmarks/floor.py [--rounds 15]

The two floors are one class each that does what every tracer must, all of it inline and without a choice: keep what
start_as_current_span was given, find the parent, make ids and a span context, copy the context, attach and detach it.
The recorded one reads the clocks, looks whether its attributes can change later, and keeps them.
"""

import argparse
from _random import Random
from time import perf_counter_ns, time_ns

from common import table
from opentelemetry.context import _RUNTIME_CONTEXT, Context
from opentelemetry.trace import NonRecordingSpan, Span, SpanContext, SpanKind, TraceFlags
from opentelemetry.trace.propagation import _SPAN_KEY
from opentelemetry.trace.span import DEFAULT_TRACE_STATE
from pipeline import ATTRIBUTES, Ours, interleaved

variable = _RUNTIME_CONTEXT._current_context
get, attach, detach = variable.get, variable.set, variable.reset
bits = Random(1).getrandbits
new = tuple.__new__
FLAGS = [TraceFlags(0), TraceFlags(1)]


class Block:
    """The context manager protocol with what start_as_current_span is given, and nothing in it."""

    __slots__ = ("_given", "_span", "_token")

    def __init__(self, given):
        self._given = given

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        pass


class SampledOut(Block):
    __slots__ = ()

    def __enter__(self):
        current = get()
        current.get(_SPAN_KEY)
        changed = Context(current)
        span = NonRecordingSpan(new(SpanContext, (bits(128), bits(64), False, FLAGS[0], DEFAULT_TRACE_STATE, True)))
        dict.__setitem__(changed, _SPAN_KEY, span)
        self._token = attach(changed)
        return span

    def __exit__(self, kind, error, trace):
        detach(self._token)


class Recorded(Block):
    __slots__ = ()

    def __enter__(self):
        name, kind, attributes = self._given
        current = get()
        current.get(_SPAN_KEY)
        changed = Context(current)
        span_context = new(SpanContext, (bits(128), bits(64), False, FLAGS[1], DEFAULT_TRACE_STATE, True))
        self._span = span = BareSpan(name, span_context, kind, attributes)
        dict.__setitem__(changed, _SPAN_KEY, span)
        self._token = attach(changed)
        return span

    def __exit__(self, kind, error, trace):
        detach(self._token)
        self._span.end_time = self._span.start_time + perf_counter_ns() - self._span.clock


class BareSpan:
    __slots__ = ("attributes", "clock", "context", "end_time", "kind", "name", "start_time")

    def __init__(self, name, context, kind, attributes):
        self.name = name
        self.context = context
        self.kind = kind
        for value in attributes.values():
            if type(value) is not str and type(value) is not int:
                raise ValueError
        self.attributes = dict(attributes)
        self.start_time = time_ns()
        self.clock = perf_counter_ns()


def start_as(block):
    """A method with the API's signature that starts such a block."""

    def start_as_current_span(
        name,
        context=None,
        kind=SpanKind.INTERNAL,
        attributes=None,
        links=None,
        start_time=None,
        record_exception=True,
        set_status_on_exception=True,
        end_on_exit=True,
    ):
        return block((name, kind, attributes))

    def make():
        with start_as_current_span("GET /items/{id}", kind=SpanKind.SERVER, attributes=ATTRIBUTES):
            pass

    return make


def context_alone():
    changed = Context(get())
    dict.__setitem__(changed, _SPAN_KEY, None)
    detach(attach(changed))


def ids_alone():
    return new(SpanContext, (bits(128), bits(64), False, FLAGS[1], DEFAULT_TRACE_STATE, True))


def clocks_alone():
    return time_ns(), perf_counter_ns(), perf_counter_ns()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=15)
    rounds = parser.parse_args().rounds
    assert not issubclass(BareSpan, Span), "a bare span has not even the API's methods"
    ours, off = Ours(), Ours(OTEL_TRACES_SAMPLER="always_off")
    works = {
        "a with block of that signature": start_as(Block),
        "copy, attach and detach the context": context_alone,
        "two ids and a span context": ids_alone,
        "three clock reads": clocks_alone,
        "floor of a span that is sampled out": start_as(SampledOut),
        "ours, sampled out": off.make,
        "floor of a recorded span": start_as(Recorded),
        "ours, recorded": ours.make,
    }
    taken = interleaved(works, rounds, 5000)
    taken["ours, recorded and encoded"] = (
        taken["ours, recorded"] + interleaved({"encode": ours.encoder()}, rounds, 6, per=512)["encode"]
    )
    print(table(["CPU of one span", "us"], [[name, spent] for name, spent in taken.items()]))


if __name__ == "__main__":
    main()
