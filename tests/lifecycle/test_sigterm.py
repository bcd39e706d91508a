"""SIGTERM ends a process as it would without us, and only after its spans are delivered."""

import shutil
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from time import monotonic

import pytest

from tests.faults import Collector, hang_after_request
from tests.receiver import Receiver
from tests.support import LAUNCHER, PATIENCE, SERVICES, environment, exporting_to, launch_code, received, run, run_code

# So that only what is sent at the end can have arrived.
LATER = {"OTEL_BSP_SCHEDULE_DELAY": "30000"}


@contextmanager
def running(code: str, variables: Mapping[str, str]) -> Iterator[subprocess.Popen[str]]:
    """A traced program that has printed a line."""
    process = subprocess.Popen(
        [LAUNCHER, "--", sys.executable, "-u", "-c", textwrap.dedent(code)],
        cwd=SERVICES,
        env=environment(**variables),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    with process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            yield process
        finally:
            process.kill()


def wait_until_asleep(process: subprocess.Popen[str]) -> None:
    """A signal just before the main thread begins to wait is seen after the wait: a limit of Python's handlers."""
    deadline = monotonic() + PATIENCE
    seen = 0
    while seen < 3 and monotonic() < deadline:
        state = subprocess.run(["ps", "-o", "state=", "-p", str(process.pid)], capture_output=True, check=False).stdout
        seen = seen + 1 if state.startswith(b"S") else 0


def told_to_end(process: subprocess.Popen[str]) -> tuple[int, str]:
    process.send_signal(signal.SIGTERM)
    output, _ = process.communicate(timeout=PATIENCE)
    return process.returncode, output


WAITING = {
    "sleeping": "time.sleep(600)",
    "pausing": "signal.pause()",
    "waiting for a lock": "lock = threading.Lock(); lock.acquire(); lock.acquire()",
    "waiting for an event": "threading.Event().wait()",
    "joining a thread": "t = threading.Thread(target=time.sleep, args=(600,), daemon=True); t.start(); t.join()",
    "waiting in a queue": "queue.SimpleQueue().get()",
    "waiting for a child": "subprocess.run(['cat'], stdout=subprocess.DEVNULL)",
    "reading": "sys.stdin.read()",
    "selecting": "select.select([sys.stdin], [], [])",
    "in an event loop": "asyncio.run(asyncio.sleep(600))",
    "busy": "while True: pass",
    "busy ending spans": "[spans.work('more') for _ in iter(int, 1)]",
    # The first export imports, too, and would wait for the interrupted import.
    "importing": "trace.get_tracer_provider().force_flush()\nwhile spans.work('more'): importlib.reload(colorsys)",
}
BUSY = ("busy", "busy ending spans", "importing")


@pytest.mark.parametrize("waiting", WAITING)
def test_a_program_that_does_not_handle_it_delivers_and_dies_of_it(receiver: Receiver, waiting: str) -> None:
    code = "import asyncio, colorsys, importlib, queue, select, signal, subprocess, sys, threading, time, spans\n"
    code += "from opentelemetry import trace\nspans.work('first'); print('ready')\n" + WAITING[waiting]
    with running(code, exporting_to(receiver, **LATER)) as process:
        if waiting not in BUSY:
            wait_until_asleep(process)
        outcome = told_to_end(process)

    assert outcome == (-signal.SIGTERM, "")
    assert receiver.spans()[0].name == "work first"


def test_no_span_that_ended_before_it_is_lost_however_busy_the_program_is(receiver: Receiver) -> None:
    code = """
        import itertools, spans
        print("ready")
        for number in itertools.count():
            spans.work(number)
    """
    with running(code, exporting_to(receiver)) as process:
        received(receiver, 100)
        assert told_to_end(process) == (-signal.SIGTERM, "")

    numbers = sorted(int(span.name.split()[1]) for span in receiver.spans())
    assert numbers == list(range(len(numbers)))


def test_a_second_one_kills_at_once() -> None:
    with Collector(hang_after_request) as collector:
        variables = {
            "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url,
            "OTEL_EXPORTER_OTLP_TIMEOUT": "3600000",
            "PLATFORM_TRACE_SHUTDOWN_TIMEOUT": "3600000",
            **LATER,
        }
        with running("import spans, time; spans.work(1); print('ready'); time.sleep(600)", variables) as process:
            process.send_signal(signal.SIGTERM)
            assert collector.wait_for(lambda collector: len(collector.requests) > 0)
            outcome = told_to_end(process)

    assert outcome == (-signal.SIGTERM, "")


LOCKS = {
    "taken": "lock = multiprocessing.Lock(); lock.acquire(); lock.acquire()",
    "entered": "lock = multiprocessing.Lock(); lock.acquire(); lock.__enter__()",
    "of a full queue": "full = multiprocessing.Queue(1); full.put(0); full.put(0)",
}


@pytest.mark.parametrize("lock", LOCKS)
def test_a_process_that_waits_for_a_lock_of_multiprocessing_need_not_be_woken_by_it(
    receiver: Receiver, lock: str
) -> None:
    """Nor is a worker that is just being woken for a lock: here another thread gets the signal."""
    code = f"""
        import multiprocessing, signal, sys, threading, spans
        def get():
            sys.stdin.readline()
            signal.pthread_kill(threading.get_ident(), signal.SIGTERM)
        spans.work("first")
        threading.Thread(target=get).start()
        print("ready")
        {LOCKS[lock]}
    """
    with running(code, exporting_to(receiver, **LATER)) as process:
        wait_until_asleep(process)
        output, _ = process.communicate("now\n", timeout=PATIENCE)

    assert (process.returncode, output) == (-signal.SIGTERM, "")
    assert [span.name for span in receiver.spans()] == ["work first"]


PROGRAMS = {
    "asks who handles it": """
        print(signal.getsignal(15) is signal.SIG_DFL, signal.getsignal(15) == 0, signal.getsignal(15))
        print(signal.signal(15, signal.SIG_DFL) is signal.SIG_DFL, signal.signal.__name__, signal.signal.__module__)
    """,
    "has its own handler": """
        print(signal.signal(15, lambda number, frame: print("handled", number)))
        os.kill(os.getpid(), 15)
        sys.exit(3)
    """,
    "calls the handler before its own": """
        before = signal.getsignal(15)
        def handle(number, frame):
            print("handled")
            if callable(before):
                before(number, frame)
        signal.signal(15, handle)
        os.kill(os.getpid(), 15)
        print("goes on")
    """,
    "puts the handler back": """
        before = signal.signal(15, signal.SIG_IGN)
        os.kill(os.getpid(), 15)
        print(signal.signal(15, before), signal.getsignal(15))
        os.kill(os.getpid(), 15)
        print("never")
    """,
    "dies of it in its own handler": """
        def handle(number, frame):
            print("handled")
            signal.signal(15, signal.SIG_DFL)
            os.kill(os.getpid(), 15)
            print("never")
        signal.signal(15, handle)
        signal.raise_signal(15)
    """,
    "ignores it": """
        signal.signal(15, signal.SIG_IGN)
        os.kill(os.getpid(), 15)
        print(signal.getsignal(15))
    """,
    "handles it in an event loop": """
        async def main():
            loop, told = asyncio.get_running_loop(), asyncio.Event()
            loop.add_signal_handler(15, told.set)
            os.kill(os.getpid(), 15)
            await told.wait()
            print(loop.remove_signal_handler(15), signal.getsignal(15))
        asyncio.run(main())
        os.kill(os.getpid(), 15)
    """,
    "waits for it": """
        signal.pthread_sigmask(signal.SIG_BLOCK, [15])
        os.kill(os.getpid(), 15)
        print(signal.sigwait([15]))
    """,
    "has a wakeup descriptor": """
        here, there = socket.socketpair()
        there.setblocking(False)
        signal.set_wakeup_fd(there.fileno())
        signal.raise_signal(15)
    """,
    "sends it from a thread": """
        threading.Timer(0.01, lambda: os.kill(os.getpid(), 15)).start()
        time.sleep(600)
    """,
    "starts children": """
        print(subprocess.run(["sh", "-c", "kill $$"]).returncode)
        print(subprocess.run([sys.executable, "-c", "import signal; print(signal.getsignal(15))"]).returncode)
        warnings.simplefilter("ignore", DeprecationWarning)  # of Python 3.12: our thread is one
        pid = os.fork()
        while not pid:
            time.sleep(0.01)
        os.kill(pid, 15)
        print(os.WTERMSIG(os.waitpid(pid, 0)[1]))
    """,
    "asks for what is wrong": """
        for number, handler in ((99, signal.SIG_DFL), (15, "no"), (15, None), (9, signal.SIG_DFL)):
            try:
                signal.signal(number, handler)
            except Exception as error:
                print(type(error), error)
        def in_a_thread():
            try:
                signal.signal(15, signal.SIG_DFL)
            except ValueError as error:
                print(error)
        thread = threading.Thread(target=in_a_thread)
        thread.start()
        thread.join()
    """,
}
IMPORTS = "import asyncio, os, signal, socket, subprocess, sys, threading, time, warnings, spans\nspans.work('first')\n"


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_program_that_deals_with_it_runs_as_without_us(receiver: Receiver, program: str) -> None:
    code = IMPORTS + textwrap.dedent(PROGRAMS[program])
    traced = launch_code(code, **exporting_to(receiver, **LATER))
    untraced = run_code(code)

    assert (traced.returncode, traced.stdout, traced.stderr) == (untraced.returncode, untraced.stdout, untraced.stderr)
    assert [span.name for span in receiver.spans()] == ["work first"]


def test_where_another_thread_brings_tracing_nothing_is_changed(receiver: Receiver) -> None:
    code = """
        import signal, threading, spans
        thread = threading.Thread(target=spans.work, args=("first",))
        thread.start()
        thread.join()
        print(signal.getsignal(signal.SIGTERM))
    """
    outcome = launch_code(code, **exporting_to(receiver, **LATER))

    assert (outcome.stdout, outcome.stderr) == (run_code(code).stdout, "")
    assert len(receiver.spans()) == 1


def test_a_process_that_traces_nothing_keeps_the_default() -> None:
    code = "import _signal, signal; print(type(_signal.getsignal(15)))"

    assert launch_code(code).stdout == run_code(code).stdout


def test_inside_one_long_call_of_c_death_waits_for_its_end(receiver: Receiver) -> None:
    """The documented limit: a thread of the program still answers after the signal."""
    code = """
        import hashlib, sys, threading, spans
        spans.work("first")
        def answer():
            print(sys.stdin.readline(), end="")
        threading.Thread(target=answer).start()
        print("ready")
        hashlib.pbkdf2_hmac("sha256", b"", b"", 10_000_000)
        print("never")
    """
    with running(code, exporting_to(receiver, **LATER)) as process:
        process.send_signal(signal.SIGTERM)
        assert process.stdin is not None
        process.stdin.write("still there\n")
        output, _ = process.communicate(timeout=PATIENCE)

    assert (process.returncode, output) == (-signal.SIGTERM, "still there\n")
    assert len(receiver.spans()) == 1


def test_process_1_of_a_container_lives_on_as_without_us(receiver: Receiver) -> None:
    """The kernel keeps from it what it does not handle."""
    alone = ["unshare", "-Upf", "--mount-proc"]
    if shutil.which("unshare") is None or run(*alone, "true").returncode:
        pytest.skip("processes of their own namespace cannot be started here")
    code = "import os, spans; spans.work(0); os.kill(1, 15); spans.work(1); print(os.getpid(), 'lives on')"
    outcome = run(*alone, LAUNCHER, "--", sys.executable, "-c", code, **exporting_to(receiver, **LATER))

    assert (outcome.returncode, outcome.stdout, outcome.stderr) == (0, "1 lives on\n", "")
    assert [span.name for span in receiver.spans()] == ["work 0", "work 1"]
