"""Whatever an application does with the API, nothing is raised into it, nothing hangs, and what is its own stays so."""

import pytest

from tests.receiver import Receiver
from tests.support import exporting_to, launch_code, received

PREAMBLE = "import sys, itertools, datetime\nfrom opentelemetry import trace\nt = trace.get_tracer('t')\n"
HOSTILE = """
class Hostile(dict):
    def __len__(self): raise ValueError
    __bool__ = __iter__ = items = keys = __len__
"""
UNPRINTABLE = """
class Unprintable:
    def __str__(self): raise ValueError
    __bool__ = __format__ = __eq__ = __str__
class Odd(Exception):
    __module__ = Unprintable()
"""
NO_TEXT = """
class Text(str):
    def __hash__(self): raise ValueError
    __len__ = __eq__ = __bool__ = __str__ = __hash__
class Odd(dict):
    def __init__(self, items): self.given = items
    def items(self): return self.given
"""
MISUSES = [
    "t.start_span('a', attributes=[('a', 1)]).end()",
    "t.start_span('a', links=[None]).end()",
    "t.start_span('a', links=5).end()",
    "t.start_span('a', start_time='now').end()",
    "t.start_span('a', start_time=datetime.datetime.now()).end()",
    "t.start_span('a').end(end_time='later')",
    "s = t.start_span('a'); s.set_attributes(None); s.set_attributes(['x']); s.end()",
    "s = t.start_span('a'); s.add_event('e', 'message'); s.add_link('x'); s.add_link(s); s.end()",
    "s = t.start_span('a'); s.record_exception(ValueError(), [1]); s.end()",
    "s = t.start_span(5, kind='server'); s.end(); s.end()",
    "trace.get_tracer('bad', 5, attributes=5).start_span('a').end()",
    "class L(list):\n    def __iter__(self): raise ValueError\nt.start_span('a', attributes={'k': L([1])}).end()",
    "s = t.start_span('a'); s.set_attribute('k', itertools.count()); s.end()",
    "s = t.start_span('a'); s.set_status('ERROR'); s.set_status(None); s.end()",
    f"{HOSTILE}s = t.start_span('a', attributes=Hostile(), links=Hostile()); s.add_event('e', Hostile()); s.end()",
    f"{HOSTILE}s = t.start_span('a'); s.add_link(trace.INVALID_SPAN_CONTEXT, Hostile()); s.end()",
    f"{UNPRINTABLE}trace.get_tracer(Unprintable(), Unprintable(), schema_url=Unprintable()).start_span('a').end()",
    f"{NO_TEXT}trace.get_tracer(Text('n'), Text('1'), attributes={{'k': Text('v')}}).start_span('a').end()",
    f"{HOSTILE}trace.get_tracer('n', attributes=Hostile()).start_span('a').end()",
    f"{NO_TEXT}s = t.start_span('a', attributes=Odd([(Text('k'), 1)])); s.set_attribute(Text('k'), 2); s.end()",
    f"{NO_TEXT}s = t.start_span('a'); s.record_exception(ValueError(), Odd([(Text('k'), 1), ([], 2)])); s.end()",
    f"{NO_TEXT}s = t.start_span('a', attributes=Odd([1])); s.add_event('e', Odd([1])); s.add_link(s.context, Odd([1]))",
    f"{UNPRINTABLE}s = t.start_span('a'); s.record_exception(Odd(), escaped=Unprintable()); s.end()",
]


@pytest.mark.parametrize("code", MISUSES)
def test_a_misuse_is_the_applications_own_and_costs_no_other_span(receiver: Receiver, code: str) -> None:
    outcome = launch_code(f"{PREAMBLE}{code}\nt.start_span('good').end()", **exporting_to(receiver))

    assert (outcome.returncode, outcome.stdout) == (0, ""), outcome.stderr
    assert "good" in [span.name for span in received(receiver, 1, lambda span: span.name == "good")]


def test_an_iterator_that_is_an_attribute_is_not_used_up(receiver: Receiver) -> None:
    code = PREAMBLE + (
        "numbers = iter([1, 2]); s = t.start_span('a'); s.set_attribute('k', numbers); s.end(); print(list(numbers))"
    )

    assert launch_code(code, **exporting_to(receiver)).stdout == "[1, 2]\n"


@pytest.mark.parametrize("value", ["-1", "abc", "1e3", "99999999999999999", "0"])
@pytest.mark.parametrize(
    "name", ["OTEL_BSP_MAX_QUEUE_SIZE", "OTEL_BSP_SCHEDULE_DELAY", "OTEL_BSP_MAX_EXPORT_BATCH_SIZE"]
)
def test_no_value_of_a_batch_setting_reaches_the_service(receiver: Receiver, name: str, value: str) -> None:
    variables = {**exporting_to(receiver), name: value}
    outcome = launch_code(f"{PREAMBLE}t.start_span('a').end(); sys.exit(7)", **variables)

    assert outcome.returncode == 7
    assert "Traceback" not in outcome.stderr


def test_a_span_that_ends_while_the_interpreter_ends_does_not_keep_it(receiver: Receiver) -> None:
    code = PREAMBLE + (
        "def work():\n    with t.start_as_current_span('s'): yield 1; yield 2\nx = work(); next(x); print('bye')"
    )
    outcome = launch_code(code, **exporting_to(receiver))

    assert (outcome.returncode, outcome.stdout) == (0, "bye\n")


def test_spans_of_exit_handlers_that_were_registered_first_arrive_too(receiver: Receiver) -> None:
    code = (
        "import atexit\natexit.register(lambda: t.start_span('late').end())\n"
        + PREAMBLE
        + "t.start_span('early').end()"
    )
    launch_code(code, **exporting_to(receiver))

    assert sorted(span.name for span in received(receiver, 2)) == ["early", "late"]


def test_the_sdk_may_be_imported_before_the_api() -> None:
    code = """
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry import trace
        print(isinstance(trace.get_tracer_provider(), TracerProvider))
    """
    outcome = launch_code(code)

    assert (outcome.stdout, outcome.stderr) == ("True\n", "")


def test_children_that_are_forked_while_our_thread_imports_do_not_hang(receiver: Receiver) -> None:
    code = (
        PREAMBLE
        + """
import multiprocessing, time
def child():
    import http.client, ssl, urllib.request, json
if __name__ == "__main__":
    context = multiprocessing.get_context("fork")
    t.start_span('first').end()
    stop = time.monotonic() + 0.6
    count = 0
    while time.monotonic() < stop:
        process = context.Process(target=child)
        process.start()
        process.join(20)
        count += process.exitcode != 0
    print(count)
"""
    )
    outcome = launch_code(code, **exporting_to(receiver))

    assert (outcome.stdout, outcome.stderr) == ("0\n", "")


def test_a_child_that_is_forked_while_another_thread_starts_the_first_span_does_not_hang(receiver: Receiver) -> None:
    code = (
        PREAMBLE
        + """
import os, threading, time
thread = threading.Thread(target=lambda: t.start_span('first').end())
thread.start()
while 'platform_otel.tracing.pipeline' not in sys.modules:
    time.sleep(0)
child = os.fork()
if child == 0:
    import faulthandler
    faulthandler.dump_traceback_later(20, exit=True)
    t.start_span('child').end()
    sys.exit(0)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
thread.join()
"""
    )
    outcome = launch_code(code, **exporting_to(receiver), PYTHONWARNINGS="ignore::DeprecationWarning")

    assert (outcome.stdout, outcome.stderr) == ("0\n", "")
    assert sorted(span.name for span in received(receiver, 2)) == ["child", "first"]


def test_the_time_limit_of_a_job_passes_through_our_hooks() -> None:
    code = """
        import signal, os
        from platform_otel.process.import_hooks import when_imported
        class Limit(Exception): pass
        def raise_limit(*_): raise Limit
        signal.signal(signal.SIGALRM, raise_limit)
        when_imported("wave", lambda: os.kill(os.getpid(), signal.SIGALRM))
        try:
            import wave
        except Limit:
            print("limit")
    """
    assert launch_code(code, PLATFORM_TRACE_STRICT=None).stdout == "limit\n"


def test_one_cause_with_ever_new_words_is_said_once(receiver: Receiver) -> None:
    code = (
        PREAMBLE
        + """
from opentelemetry.sdk.trace import SpanProcessor
class Failing(SpanProcessor):
    def on_end(self, span): raise KeyError(span.name)
trace.get_tracer_provider().add_span_processor(Failing())
for number in range(50):
    t.start_span(f"/users/{number}").end()
"""
    )
    outcome = launch_code(code, **exporting_to(receiver), PLATFORM_TRACE_STRICT=None)

    assert len(outcome.stderr.splitlines()) == 1
    assert len(received(receiver, 50)) == 50


def test_an_ignored_signal_of_the_interpreter_is_not_passed_on() -> None:
    from tests.support import LAUNCHER, run

    outcome = run(LAUNCHER, "--", "bash", "-c", "yes | head -1; echo ${PIPESTATUS[0]}")

    assert (outcome.stdout, outcome.stderr) == ("y\n141\n", "")
