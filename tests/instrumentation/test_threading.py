"""Threads and pools of threads: what runs there has the context of whoever started or gave it, and nothing else."""

from __future__ import annotations

import pytest

from tests.instrumentation.comparison import needs, spans_of
from tests.receiver import Receiver
from tests.support import launch_code

with_upstreams = needs("opentelemetry-instrumentation-threading")

# ``where`` prints whose context it finds.
BEGIN = """
import requests, sys, threading, time
from concurrent.futures import ThreadPoolExecutor
from threading import Thread, Timer
from opentelemetry import baggage, context, trace
tracer = trace.get_tracer("service")
def where(what=""):
    print(what, getattr(trace.get_current_span(), "name", None), flush=True)
def run(thread):
    thread.start()
    thread.join()
def request(name="request"):
    return tracer.start_as_current_span(name)
"""

# What upstream's instrumentation does, ours does.
PROGRAMS = {
    "a thread": ("with request(): run(Thread(target=where))", [" request"]),
    "a thread outside": ("with request(): pass\nrun(Thread(target=where))", [" None"]),
    "a thread made before": (
        "thread = Thread(target=where)\nwith request(): run(thread)",
        [" request"],
    ),
    "a timer": ("with request(): run(Timer(0, where))", [" request"]),
    "a thread of a thread": (
        "with request(): run(Thread(target=lambda: run(Thread(target=where))))",
        [" request"],
    ),
    "a subclass that runs what it was given": (
        "class Mine(Thread):\n    def run(self):\n        super().run()\nwith request(): run(Mine(target=where))",
        [" request"],
    ),
    "run() without a thread": (
        "with request('other'): thread = Thread(target=where)\nwith request(): thread.run()",
        [" request"],
    ),
    "a pool": (
        (
            "with ThreadPoolExecutor(1) as pool:\n"
            "    for name in 'first', 'second':\n"
            "        with request(name): pool.submit(where).result()\n"
            "    pool.submit(where).result()\n"
        ),
        [" first", " second", " None"],
    ),
    "a pool's map": (
        "with ThreadPoolExecutor(2) as pool, request():\n    list(pool.map(where, 'aa'))",
        ["a request", "a request"],
    ),
    "what a pool begins with": (
        (
            "with request(), ThreadPoolExecutor(1, initializer=where, initargs=['initializer']) as pool:\n"
            "    pool.submit(where).result()\n"
        ),
        ["initializer request", " request"],
    ),
    "baggage": (
        "token = context.attach(baggage.set_baggage('k', 'v'))\nrun(Thread(target=lambda: print(baggage.get_all())))",
        ["{'k': 'v'}"],
    ),
    "what the thread does to its own": (
        (
            "def work():\n    context.attach(context.Context())\n    where('thread')\n"
            "with request():\n    run(Thread(target=work))\n    where('starter')"
        ),
        ["thread None", "starter request"],
    ),
}


@with_upstreams
@pytest.mark.parametrize("upstream", ["", "threading"], ids=["ours", "upstream's"])
@pytest.mark.parametrize("program, expected", PROGRAMS.values(), ids=PROGRAMS)
def test_contexts_go_along_as_under_upstreams(program: str, expected: list[str], upstream: str) -> None:
    outcome = launch_code(f"{BEGIN}{program}", OTEL_TRACES_EXPORTER="none", PLATFORM_TRACE_UPSTREAM=upstream)

    assert (outcome.returncode, outcome.stderr) == (0, "")
    assert outcome.stdout.splitlines() == expected


# Where upstream's has another context, or none.
BESIDE_UPSTREAMS = {
    "a subclass that runs something else": (
        "class Mine(Thread):\n    def run(self):\n        where()\nwith request(): run(Mine())",
        [" request"],
        [" None"],
    ),
    "what is called when a function is done": (
        (
            "with ThreadPoolExecutor(1) as pool:\n"
            "    with request('first'): pool.submit(where).result()\n"
            "    with request('second'): pool.submit(time.sleep, 0.1).add_done_callback(lambda _: where())\n"
        ),
        [" first", " second"],
        [" first", " first"],
    ),
    "run() of a thread that has run": (
        (
            "class Mine(Thread):\n    def run(self):\n        super().run()\n        self._target = where\n"
            "        self._args, self._kwargs = (), {}\n"
            "thread = Mine(target=where)\nwith request('first'): run(thread)\nwith request('second'): thread.run()"
        ),
        [" first", " second"],
        [" first", " first"],
    ),
}


@with_upstreams
@pytest.mark.parametrize("program, ours, upstreams", BESIDE_UPSTREAMS.values(), ids=BESIDE_UPSTREAMS)
def test_contexts_go_where_upstreams_do_not(program: str, ours: list[str], upstreams: list[str]) -> None:
    found = [
        launch_code(f"{BEGIN}{program}", OTEL_TRACES_EXPORTER="none", PLATFORM_TRACE_UPSTREAM=names).stdout.splitlines()
        for names in ("", "threading")
    ]

    assert found == [ours, upstreams]


# What a program can see of its threads, held against what it sees without us.
SEEN = {
    "functions": (
        "import inspect, pickle\n"
        "for function in (Thread.start, Thread.run, Thread._bootstrap, Timer.run, ThreadPoolExecutor.submit):\n"
        "    print(function.__module__, function.__qualname__, inspect.signature(function))\n"
        "    print(pickle.loads(pickle.dumps(function)) is function, type(function))\n"
    ),
    "attributes": (
        "with request():\n"
        "    thread = Thread(target=where)\n"
        "    thread.start(); thread.join()\n"
        "    print(sorted(vars(thread)), thread.name)\n"
    ),
    "a traceback": "def fail():\n    1 / 0\nwith request(): run(Thread(target=fail))",
    "a traceback of a subclass": (
        "class Mine(Thread):\n    def run(self):\n        raise KeyError(5)\nwith request(): run(Mine())"
    ),
    "a traceback of a pool's": (
        "import traceback\n"
        "with request(), ThreadPoolExecutor(1) as pool:\n"
        "    traceback.print_exception(pool.submit(int, 'x').exception())\n"
    ),
    "the stack": (
        "import traceback\nwith request(): run(Thread(target=traceback.print_stack, kwargs={'file': sys.stdout}))"
    ),
    "a thread that was started": (
        "import traceback\n"
        "with request():\n"
        "    thread = Thread(target=int)\n"
        "    run(thread)\n"
        "    try:\n        thread.start()\n"
        "    except RuntimeError: traceback.print_exc()\n"
    ),
    "a timer that is initialised anew": (
        "timer = Timer(0, print, ['rings'])\n"
        "for _ in range(2):\n"
        "    with request(): run(timer)\n"
        "    timer.__init__(0, print, ['rings'])\n"
    ),
    "a pool that is shut": (
        "import traceback\n"
        "pool = ThreadPoolExecutor(1)\npool.shutdown()\n"
        "with request():\n"
        "    try:\n        pool.submit(print)\n"
        "    except RuntimeError: traceback.print_exc()\n"
    ),
    "variables of the worker": (
        "from contextvars import ContextVar\n"
        "worker = ContextVar('worker')\n"
        "with request(), ThreadPoolExecutor(1, initializer=worker.set, initargs=['mine']) as pool:\n"
        "    print(pool.submit(worker.get).result())\n"
    ),
    "variables of the starter": (
        "from contextvars import ContextVar\n"
        "own = ContextVar('own', default='default')\nown.set('set')\n"
        "with request(): run(Thread(target=lambda: print(own.get())))\n"
    ),
    "what a thread leaves behind": (
        "import weakref\n"
        "with request():\n    thread = Thread(target=int)\n    run(thread)\n"
        "gone = weakref.ref(thread)\ndel thread\nprint(gone())\n"
    ),
    "a function that a pool has done": (
        "import weakref\n"
        "class Mine:\n    def __call__(self): pass\n"
        "with request(), ThreadPoolExecutor(1) as pool:\n"
        "    mine = Mine()\n    gone = weakref.ref(mine)\n"
        "    pool.submit(mine).result()\n    del mine\n    pool.submit(int).result()\n    print(gone())\n"
    ),
    "what is cancelled": (
        "event = threading.Event()\n"
        "with request(), ThreadPoolExecutor(1) as pool:\n"
        "    pool.submit(event.wait)\n    late = pool.submit(print, 'late')\n"
        "    print(late.cancel())\n    event.set()\n"
    ),
}


@pytest.mark.parametrize("program", SEEN.values(), ids=SEEN)
def test_a_program_sees_of_its_threads_what_it_sees_without_us(receiver: Receiver, program: str) -> None:
    spans_of(receiver, f"{BEGIN.replace('def where', 'def unused')}where = print\n{program}")


PATCHES = {
    "gevent": "import warnings; warnings.simplefilter('ignore'); import gevent.monkey; gevent.monkey.patch_all()",
    "eventlet": "import warnings; warnings.simplefilter('ignore'); import eventlet; eventlet.monkey_patch()",
}


@pytest.mark.parametrize("library", PATCHES)
@pytest.mark.parametrize("when", ["first", "later"])
def test_contexts_go_along_into_greenlets_whenever_the_service_patches(library: str, when: str) -> None:
    patch = PATCHES[library]
    begin = f"{patch}\n{BEGIN}" if when == "first" else f"{BEGIN}\n{patch}\nfrom threading import Thread\n"
    program = (
        "def work(name):\n    where(name)\n    time.sleep(0.01)\n    where(name)\n"
        "threads = []\n"
        "for name in 'ab':\n"
        "    with request(name):\n"
        "        threads.append(Thread(target=work, args=[name], daemon=True))\n"
        "        threads[-1].start()\n"
        "for thread in threads: thread.join()\n"
        "where('main')\n"
    )
    outcome = launch_code(f"{begin}{program}", OTEL_TRACES_EXPORTER="none")

    assert (outcome.returncode, outcome.stderr) == (0, "")
    assert sorted(outcome.stdout.splitlines()) == ["a a", "a a", "b b", "b b", "main None"]


def test_a_pool_module_that_is_imported_later_is_followed_too() -> None:
    program = (
        "import sys, threading, requests\n"
        "print('concurrent.futures.thread' in sys.modules)\n"
        f"{BEGIN}\n"
        "with ThreadPoolExecutor(1) as pool:\n"
        "    with request(): pool.submit(where).result()\n"
    )
    outcome = launch_code(program, OTEL_TRACES_EXPORTER="none")

    assert (outcome.stdout, outcome.stderr) == ("False\n request\n", "")


@with_upstreams
def test_a_service_that_instruments_itself_has_upstreams() -> None:
    program = (
        "from opentelemetry.instrumentation.threading import ThreadingInstrumentor\n"
        "ThreadingInstrumentor().instrument()\n"
        "import concurrent.futures.thread as pools\n"
        "print(hasattr(Thread.start, '__wrapped__'), hasattr(pools._WorkItem, 'platform_trace_original'))\n"
        "print(type(Thread.__dict__['_bootstrap']).__name__)\n"
        "with request(): run(Thread(target=where))\n"
    )
    outcome = launch_code(f"{BEGIN}{program}", OTEL_TRACES_EXPORTER="none")

    assert (outcome.stdout, outcome.stderr) == ("True False\nfunction\n request\n", "")
