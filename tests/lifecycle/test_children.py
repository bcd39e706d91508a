"""However a process comes about and ends, its spans are delivered once; what nothing can save is lost."""

import pytest

from tests.receiver import Receiver
from tests.support import exporting_to, launch_code, run_code

# So that only what is sent at the end can have arrived.
LATER = {"OTEL_BSP_SCHEDULE_DELAY": "30000"}

# From Python 3.12 on, forking a process that has a thread is worth a warning; ours is one.
FORK = """
    import os, sys, warnings
    from spans import work
    warnings.simplefilter("ignore", DeprecationWarning)
    work("parent")
    pids = []
    for number in range(3):
        pid = os.fork()
        if not pid:
            work(number)
            {ending}
        pids.append(pid)
    print([os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in pids])
"""
PROCESS = """
    import multiprocessing, sys
    import spans
    if __name__ == "__main__":
        spans.work("parent")
        context = multiprocessing.get_context({method!r})
        children = [context.Process(target=spans.work, args=(number,)) for number in range(3)]
        [child.start() for child in children]
        [child.join() for child in children]
        print([child.exitcode for child in children])
"""
POOL = """
    import multiprocessing, sys
    import spans
    if __name__ == "__main__":
        spans.work("parent")
        with multiprocessing.get_context({method!r}).Pool(2) as pool:
            print(pool.map(spans.work, range(3)))
            {ending}
"""
EXECUTOR = """
    import multiprocessing
    from concurrent.futures import {executor}
    import spans
    if __name__ == "__main__":
        spans.work("parent")
        with {executor}(2, **{arguments}) as executor:
            print(list(executor.map(spans.work, range(3))))
"""
PROGRAMS = {
    "os.fork and sys.exit": FORK.format(ending="sys.exit(number)"),
    "os.fork and an exception": FORK.format(ending="sys.excepthook = lambda *_: None; raise ValueError(number)"),
    "os.fork and SIGTERM": FORK.format(ending="os.kill(os.getpid(), 15)"),
    "os.fork and os.execv": FORK.format(ending='os.execv(sys.executable, [sys.executable, "-c", ""])'),
    "multiprocessing by fork": PROCESS.format(method="fork"),
    "multiprocessing by spawn": PROCESS.format(method="spawn"),
    "multiprocessing by forkserver": PROCESS.format(method="forkserver"),
    "a pool that is closed": POOL.format(method="fork", ending="pool.close(); pool.join()"),
    "a pool that is terminated": POOL.format(method="fork", ending=""),
    "a pool of spawned processes": POOL.format(method="spawn", ending="pool.close(); pool.join()"),
    "a pool of spawned processes that is terminated": POOL.format(method="spawn", ending=""),
    "ProcessPoolExecutor": EXECUTOR.format(executor="ProcessPoolExecutor", arguments="{}"),
    "ProcessPoolExecutor that spawns": EXECUTOR.format(
        executor="ProcessPoolExecutor", arguments='{"mp_context": multiprocessing.get_context("spawn")}'
    ),
    "ThreadPoolExecutor": EXECUTOR.format(executor="ThreadPoolExecutor", arguments="{}"),
    "threads that outlive the main one": """
        import threading, time
        import spans
        spans.work("parent")
        def later(number):
            time.sleep(0.1)
            spans.work(number)
        [threading.Thread(target=later, args=(number,)).start() for number in range(3)]
    """,
    "subprocess": """
        import subprocess, sys
        import spans
        spans.work("parent")
        for number in range(3):
            print(subprocess.call([sys.executable, "-c", f"import spans; spans.work({number})"]))
    """,
    "os.execv": """
        import os, sys
        import spans
        spans.work("parent")
        code = "import os, sys, spans; spans.work(0); spans.work(1); "
        code += "os.execlpe(sys.executable, 'python', '-c', 'import spans; spans.work(2)', os.environ)"
        os.execv(sys.executable, [sys.executable, "-c", code])
    """,
    "an exit handler": """
        import atexit
        import spans
        spans.work("parent")
        atexit.register(lambda: [spans.work(number) for number in range(3)])
    """,
    "an exit handler that starts with the first span": """
        import atexit
        import spans
        atexit.register(lambda: [spans.work(name) for name in ("parent", 0, 1, 2)])
    """,
    "an exception": """
        import sys
        import spans
        sys.excepthook = lambda *_: print("excepted")
        [spans.work(name) for name in ("parent", 0, 1, 2)]
        raise ValueError
    """,
    "Ctrl-C": """
        import os, signal
        import spans
        [spans.work(name) for name in ("parent", 0, 1, 2)]
        try:
            os.kill(os.getpid(), signal.SIGINT)
        except KeyboardInterrupt:
            raise SystemExit(7)
    """,
}
TELLING = (
    "os.fork and sys.exit",
    "multiprocessing by fork",
    "multiprocessing by spawn",
    "multiprocessing by forkserver",
    "a pool that is terminated",
    "ProcessPoolExecutor",
    "ThreadPoolExecutor",
    "threads that outlive the main one",
    "subprocess",
    "os.execv",
    "an exit handler that starts with the first span",
)
MATRIX = [pytest.param(name, marks=() if name in TELLING else pytest.mark.matrix) for name in PROGRAMS]
WORKED = ["work 0", "work 1", "work 2", "work parent"]


@pytest.mark.parametrize("name", MATRIX)
def test_every_process_delivers_its_spans_once(receiver: Receiver, name: str) -> None:
    traced = launch_code(PROGRAMS[name], **exporting_to(receiver, **LATER))
    untraced = run_code(PROGRAMS[name])

    assert sorted(span.name for span in receiver.spans()) == WORKED
    assert (traced.returncode, traced.stdout, traced.stderr) == (untraced.returncode, untraced.stdout, untraced.stderr)


@pytest.mark.parametrize("pools", [20, pytest.param(100, marks=pytest.mark.matrix)])
def test_pools_that_are_terminated_right_after_their_last_result_end(receiver: Receiver, pools: int) -> None:
    code = f"""
        import multiprocessing, warnings
        import spans
        warnings.simplefilter("ignore", DeprecationWarning)
        for _ in range({pools}):
            with multiprocessing.get_context("fork").Pool(2) as pool:
                pool.map(spans.work, range(3))
    """
    outcome = launch_code(code, **exporting_to(receiver))

    assert (outcome.returncode, outcome.stderr) == (0, "")
    assert len(receiver.spans()) == 3 * pools


@pytest.mark.parametrize("ending", ["os._exit(5)", "os.kill(os.getpid(), 9)"], ids=["os._exit", "SIGKILL"])
def test_what_no_exit_handler_sees_is_lost_and_nothing_else(receiver: Receiver, ending: str) -> None:
    code = FORK.format(ending=ending)
    traced = launch_code(code, **exporting_to(receiver, **LATER))
    untraced = run_code(code)

    assert [span.name for span in receiver.spans()] == ["work parent"]
    assert (traced.returncode, traced.stdout, traced.stderr) == (untraced.returncode, untraced.stdout, untraced.stderr)


def test_a_thread_of_a_multiprocessing_child_may_end_its_span_after_the_childs_function(receiver: Receiver) -> None:
    code = """
        import multiprocessing, threading
        import spans
        def begin():
            spans.work(0)
            threading.Thread(target=later, args=(threading.main_thread(),)).start()
        def later(main):
            main.join()
            spans.work(1)
        child = multiprocessing.get_context("fork").Process(target=begin)
        child.start()
        child.join()
        spans.work(2)
        print(child.exitcode)
    """
    outcome = launch_code(code, **exporting_to(receiver, **LATER))

    assert (outcome.stdout, outcome.stderr) == ("0\n", "")
    assert sorted(span.name for span in receiver.spans()) == ["work 0", "work 1", "work 2"]


def test_what_a_program_opens_after_it_has_closed_all_descriptors_is_its_own(receiver: Receiver) -> None:
    """As daemons do. Our connection's number is then the number of something else."""
    code = """
        import os, socket, warnings
        import spans
        from opentelemetry import trace
        warnings.simplefilter("ignore", DeprecationWarning)
        def flush():
            getattr(trace.get_tracer_provider(), "force_flush", list)()
        spans.work(0)
        flush()
        os.closerange(3, 256)
        pairs = [socket.socketpair() for _ in range(4)]
        [one.send(b"hello") for pair in pairs for one in pair]
        {then}
        spans.work(1)
        flush()
        print([(one.recv(100), os.get_blocking(one.fileno())) for pair in pairs for one in pair])
    """
    here, child = code.format(then=""), code.format(then="if os.fork(): os._exit(os.wait()[1] >> 8)")
    outcomes = [launch_code(each, **exporting_to(receiver, **LATER)) for each in (here, child)]

    assert [(outcome.returncode, outcome.stderr) for outcome in outcomes] == [(0, "")] * 2
    assert {outcome.stdout for outcome in outcomes} == {run_code(here).stdout}
    assert [span.name for span in receiver.spans()] == ["work 0", "work 1"] * 2


def test_an_exec_that_fails_goes_on_and_loses_nothing(receiver: Receiver) -> None:
    code = """
        import os
        import spans
        spans.work(0)
        try:
            os.execvp("no-such-program", ["no-such-program"])
        except FileNotFoundError:
            spans.work(1)
        print(os.execve in os.supports_fd, os.execv.__name__)
    """
    outcome = launch_code(code, **exporting_to(receiver, **LATER))

    assert (outcome.stdout, outcome.stderr) == ("True execv\n", "")
    assert [span.name for span in receiver.spans()] == ["work 0", "work 1"]
