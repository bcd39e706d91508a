"""Samplers of other packages are called as they are, and their answers are kept."""

from pathlib import Path

import pytest
from opentelemetry.context import Context
from opentelemetry.trace import (
    Link,
    NonRecordingSpan,
    SpanContext,
    SpanKind,
    TraceFlags,
    TraceState,
    set_span_in_context,
)

from platform_otel.config import Config
from platform_otel.tracing.sampling import sampler
from tests.receiver import Receiver
from tests.support import exporting_to, launch_code, received

# Answers by the span's name, and prints what it was asked.
SOURCE = """
from opentelemetry.sdk.trace.sampling import Decision, Sampler, SamplingResult
from opentelemetry.trace import TraceState
class ByName(Sampler):
    def __init__(self, argument):
        self.argument = argument
    def should_sample(self, parent_context, trace_id, name, kind=None, attributes=None, links=None, trace_state=None):
        print(self.argument, type(parent_context).__name__, trace_id > 0, name, kind.name, attributes, len(links or ()))
        if name == "broken":
            raise ValueError(name)
        decision = {"drop": Decision.DROP, "record": Decision.RECORD_ONLY}.get(name, Decision.RECORD_AND_SAMPLE)
        return SamplingResult(decision, {**(attributes or {}), "by": "name"}, TraceState([("by", "name")]))
    def get_description(self):
        return "ByName"
"""
PROGRAM = """
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.sdk.trace import SpanProcessor
from opentelemetry.trace import *
class Watching(SpanProcessor):
    def on_end(self, span): print("ended", span.name, int(span.context.trace_flags) & 1)
trace.get_tracer_provider().add_span_processor(Watching())
state = TraceState([("parents", "1")])
parent = SpanContext(1, 2, True, TraceFlags({flags}), state)
context = set_span_in_context(NonRecordingSpan(parent), Context())
span = trace.get_tracer("t").start_span("{name}", context, SpanKind.SERVER, {{"n": 1}}, [Link(parent)])
print(span.is_recording(), span.get_span_context().trace_state.to_header())
span.end()
"""


@pytest.fixture
def packages(tmp_path: Path) -> Path:
    """A folder with a distribution that offers a sampler."""
    metadata = tmp_path / "byname-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: byname\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text("[opentelemetry_traces_sampler]\nbyname = byname:ByName\n")
    (tmp_path / "byname.py").write_text(SOURCE)
    return tmp_path


def run_with(packages: Path, receiver: Receiver, name: str, flags: int = 1) -> list[str]:
    chosen = {"OTEL_TRACES_SAMPLER": "byname", "OTEL_TRACES_SAMPLER_ARG": "argument"}
    outcome = launch_code(
        PROGRAM.format(name=name, flags=flags),
        **exporting_to(receiver, PYTHONPATH=str(packages), **chosen),
        PLATFORM_TRACE_STRICT=None,
    )
    assert outcome.returncode == 0, outcome.stderr
    return outcome.stdout.splitlines()


def test_a_sampler_is_asked_with_all_that_it_may_want(packages: Path, receiver: Receiver) -> None:
    asked = run_with(packages, receiver, "keep")[0]

    assert asked == "argument Context True keep SERVER {'n': 1} 1"


def test_what_it_samples_has_its_attributes_and_trace_state(packages: Path, receiver: Receiver) -> None:
    lines = run_with(packages, receiver, "keep")

    assert lines[1:] == ["True by=name", "ended keep 1"]
    [span] = received(receiver, 1)
    assert (span.attributes, span.trace_state) == ({"n": 1, "by": "name"}, "by=name")


@pytest.mark.parametrize("name, shown", [("drop", ["False by=name"]), ("record", ["True by=name", "ended record 0"])])
def test_what_it_drops_or_only_records_is_not_exported(
    packages: Path, receiver: Receiver, name: str, shown: list[str]
) -> None:
    lines = run_with(packages, receiver, name)

    assert lines[1:] == shown
    assert receiver.spans() == []


@pytest.mark.parametrize("flags, shown", [(0, ["False parents=1"]), (1, ["True parents=1", "ended broken 1"])])
def test_where_it_raises_the_parent_decides_as_by_default(
    packages: Path, receiver: Receiver, flags: int, shown: list[str]
) -> None:
    assert run_with(packages, receiver, "broken", flags)[1:] == shown


@pytest.mark.parametrize("name", ["always_on", "always_off", "traceidratio", "parentbased_traceidratio"])
@pytest.mark.parametrize("flags", [None, 0, 1])
def test_ours_can_be_asked_as_the_sdks_are(name: str, flags: int | None) -> None:
    from opentelemetry.sdk.trace import sampling

    theirs = {
        "always_on": sampling.ALWAYS_ON,
        "always_off": sampling.ALWAYS_OFF,
        "traceidratio": sampling.TraceIdRatioBased(0.5),
        "parentbased_traceidratio": sampling.ParentBased(sampling.TraceIdRatioBased(0.5)),
    }[name]
    ours = sampler(Config({"OTEL_TRACES_SAMPLER": name, "OTEL_TRACES_SAMPLER_ARG": "0.5"}))
    context = Context()
    if flags is not None:
        parent = SpanContext(1, 2, True, TraceFlags(flags), TraceState([("k", "v")]))
        context = set_span_in_context(NonRecordingSpan(parent), context)
    for trace_id in (1, 2**63, 2**64 - 1, 2**127):
        links = [Link(SpanContext(3, 4, False))]
        expected = theirs.should_sample(context, trace_id, "name", SpanKind.SERVER, {"a": 1}, links)
        result = ours.should_sample(context, trace_id, "name", SpanKind.SERVER, {"a": 1}, links)

        assert (result.decision, dict(result.attributes or {})) == (expected.decision, dict(expected.attributes or {}))
        assert (result.trace_state or None) == (expected.trace_state or None)
    assert ours.get_description().startswith(theirs.get_description().partition("{")[0])
