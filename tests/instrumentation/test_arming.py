"""Instrumentors come into force with their library, one whatever happens to another."""

from pathlib import Path

import pytest

from tests.instrumentation.comparison import needs, spans_of
from tests.receiver import Receiver
from tests.support import exporting_to, launch_code, received


@pytest.fixture
def packages(tmp_path: Path) -> Path:
    """A folder to install made-up distributions in."""
    return tmp_path


def install(packages: Path, distribution: str, *, entry_points: str = "", requires: str = "", **modules: str) -> None:
    """Make a distribution as pip would leave it: modules, METADATA, entry_points.txt."""
    folder = packages / f"{distribution.replace('-', '_')}-1.0.dist-info"
    folder.mkdir()
    requirement = (
        f"Provides-Extra: instruments\nRequires-Dist: {requires}; extra == 'instruments'\n" if requires else ""
    )
    (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.0\n{requirement}\n")
    (folder / "entry_points.txt").write_text(entry_points)
    for name, source in modules.items():
        (packages / f"{name}.py").write_text(source)


INSTRUMENTOR = """
from opentelemetry.instrumentation.instrumentor import BaseInstrumentor
class Instrumentor(BaseInstrumentor):
    def instrumentation_dependencies(self): return {requires!r}
    def _instrument(self, **kwargs):
        {body}
    def _uninstrument(self, **kwargs): pass
"""


def instrumentor(packages: Path, library: str, body: str, requires: tuple[str, ...] = ()) -> None:
    """Make a library and a distribution with an instrumentor for it that our catalog does not know."""
    install(packages, library, **{library: "loaded = True\n"})
    install(
        packages,
        f"instrumentation-{library}",
        entry_points=f"[opentelemetry_instrumentor]\n{library} = instrument_{library}:Instrumentor\n",
        requires=library,
        **{f"instrument_{library}": INSTRUMENTOR.format(body=body, requires=list(requires))},
    )


def test_an_instrumentor_that_the_catalog_does_not_know_is_found_and_loaded_with_its_library(packages: Path) -> None:
    instrumentor(packages, "marvel", "import marvel; marvel.traced = True")
    code = "import marvel; print(marvel.traced); import sys; print('opentelemetry.trace' in sys.modules)"
    outcome = launch_code(code, PYTHONPATH=str(packages))

    assert (outcome.stdout, outcome.stderr) == ("True\nTrue\n", "")


def test_an_instrumentor_whose_library_is_never_imported_is_never_loaded(packages: Path) -> None:
    instrumentor(packages, "marvel", "print('loaded')")
    install(packages, "other", other="")
    outcome = launch_code("import other, sys; print('instrument_marvel' in sys.modules)", PYTHONPATH=str(packages))

    assert (outcome.stdout, outcome.stderr) == ("False\n", "")


@pytest.mark.parametrize(
    "body",
    ["raise ValueError('no')", "raise SystemExit(3)", "raise ImportError('half installed')", "1 / 0", "exit()"],
)
def test_an_instrumentor_that_raises_harms_neither_the_service_nor_another(packages: Path, body: str) -> None:
    instrumentor(packages, "poisoned", body)
    instrumentor(packages, "marvel", "import marvel; marvel.traced = True")
    code = "import poisoned, marvel; print(poisoned.loaded, marvel.traced)"
    outcome = launch_code(code, PYTHONPATH=str(packages), PLATFORM_TRACE_STRICT=None)

    assert (outcome.returncode, outcome.stdout) == (0, "True True\n")
    assert len(outcome.stderr.splitlines()) == 1
    assert outcome.stderr.startswith("platform-trace: could not instrument poisoned: ")


@pytest.mark.parametrize(
    "entry_points",
    [
        "[opentelemetry_instrumentor]\nmarvel = no_such_module:Instrumentor\n",
        "[opentelemetry_instrumentor]\nmarvel = marvel:NoSuchClass\n",
        "[opentelemetry_instrumentor]\nmarvel\nmarvel = \nmarvel = : \n",
        "[opentelemetry_instrumentor\nmarvel = marvel:loaded\n",
        "\x00\xff[opentelemetry_instrumentor]\nmarvel = marvel:loaded",
    ],
    ids=["no module", "no class", "empty", "broken header", "not text"],
)
def test_a_broken_entry_point_costs_one_line_at_most(packages: Path, entry_points: str) -> None:
    install(packages, "marvel", entry_points=entry_points, marvel="loaded = True\n")
    outcome = launch_code("import marvel; print(marvel.loaded)", PYTHONPATH=str(packages), PLATFORM_TRACE_STRICT=None)

    assert (outcome.returncode, outcome.stdout) == (0, "True\n")
    assert len(outcome.stderr.splitlines()) <= 1


@pytest.mark.parametrize("group", ["exporter", "sampler", "id generator"])
def test_what_another_package_offers_may_raise_and_spans_are_still_made(packages: Path, group: str) -> None:
    names = {
        "exporter": ("opentelemetry_traces_exporter", "OTEL_TRACES_EXPORTER"),
        "sampler": ("opentelemetry_traces_sampler", "OTEL_TRACES_SAMPLER"),
        "id generator": ("opentelemetry_id_generator", "OTEL_PYTHON_ID_GENERATOR"),
    }
    entry_point, variable = names[group]
    install(
        packages,
        "marvel",
        entry_points=f"[{entry_point}]\nmarvel = marvel:make\n",
        marvel="def make(*args, **kwargs): raise SystemExit(9)\n",
    )
    code = "from opentelemetry import trace; print(trace.get_tracer('t').start_span('one').is_recording())"
    code += "\ntrace.get_tracer('t').start_span('two').end(); trace.get_tracer_provider().force_flush(2000)"
    outcome = launch_code(
        code,
        **{
            "PYTHONPATH": str(packages),
            "PLATFORM_TRACE_STRICT": None,
            "OTEL_TRACES_EXPORTER": "none",
            variable: "marvel",
        },
    )

    assert (outcome.returncode, outcome.stdout) == (0, "True\n")
    first, *others = outcome.stderr.splitlines()
    assert first.startswith("platform-trace: could not ")
    # The exporter's place is taken by OTLP, which then says that nobody listens here.
    assert group == "exporter" or not others
    assert all("http://localhost:4318/v1/traces" in line for line in others)


def test_a_sampler_that_raises_leaves_the_decision_to_the_default(packages: Path, receiver: Receiver) -> None:
    source = (
        "from opentelemetry.sdk.trace.sampling import Sampler\n"
        "class Odd(Sampler):\n"
        "    def __init__(self, argument): self.argument = argument\n"
        "    def should_sample(self, *a, **k): raise ValueError(self.argument)\n"
        "    def get_description(self): return 'odd'\n"
    )
    install(packages, "odd", entry_points="[opentelemetry_traces_sampler]\nodd = odd:Odd\n", odd=source)
    outcome = launch_code(
        "from opentelemetry import trace; trace.get_tracer('t').start_span('one').end()",
        **exporting_to(receiver, PYTHONPATH=str(packages), OTEL_TRACES_SAMPLER="odd", OTEL_TRACES_SAMPLER_ARG="7"),
        PLATFORM_TRACE_STRICT=None,
    )

    assert outcome.stderr == "platform-trace: could not ask the sampler Odd: ValueError: 7\n"
    assert [span.name for span in received(receiver, 1)] == ["one"]


def test_a_library_outside_the_supported_range_is_said_once_and_left_alone(packages: Path) -> None:
    instrumentor(packages, "marvel", "import marvel; marvel.traced = True", requires=("marvel >= 2.0",))
    outcome = launch_code("import marvel; print(hasattr(marvel, 'traced'))", PYTHONPATH=str(packages))

    assert outcome.stdout == "False\n"
    assert outcome.stderr == (
        "platform-trace: marvel is not instrumented: instrumentation-marvel needs marvel >= 2.0, and 1.0 is installed\n"
    )


@pytest.mark.parametrize(
    "variables, traced",
    [
        ({}, True),
        ({"OTEL_PYTHON_DISABLED_INSTRUMENTATIONS": "marvel"}, False),
        ({"OTEL_PYTHON_DISABLED_INSTRUMENTATIONS": "flask , marvel"}, False),
        ({"OTEL_PYTHON_DISABLED_INSTRUMENTATIONS": "*"}, False),
        ({"PLATFORM_TRACE_ENABLED_INSTRUMENTATIONS": "requests"}, False),
        ({"PLATFORM_TRACE_ENABLED_INSTRUMENTATIONS": "requests,marvel"}, True),
    ],
)
def test_an_instrumentation_is_switched_by_its_name(packages: Path, variables: dict[str, str], traced: bool) -> None:
    instrumentor(packages, "marvel", "import marvel; marvel.traced = True")
    outcome = launch_code("import marvel; print(hasattr(marvel, 'traced'))", PYTHONPATH=str(packages), **variables)

    assert (outcome.stdout, outcome.stderr) == (f"{traced}\n", "")


def test_an_application_that_instruments_itself_is_not_instrumented_twice(receiver: Receiver) -> None:
    code = """
        import requests
        from opentelemetry.instrumentation.requests import RequestsInstrumentor
        RequestsInstrumentor().uninstrument()
        RequestsInstrumentor().instrument()
        try:
            requests.get("http://127.0.0.1:9")
        except requests.ConnectionError:
            pass
    """
    outcome = launch_code(code, **exporting_to(receiver))

    assert (outcome.returncode, outcome.stderr) == (0, "")
    assert [span.name for span in receiver.spans()] == ["GET"]


def test_stable_conventions_are_the_default_and_the_environment_stays_as_it_was(receiver: Receiver) -> None:
    code = """
        import os, requests
        try:
            requests.get("http://127.0.0.1:9")
        except requests.ConnectionError:
            print(os.environ.get("OTEL_SEMCONV_STABILITY_OPT_IN"))
    """
    outcome = launch_code(code, **exporting_to(receiver))

    assert outcome.stdout == "None\n"
    [span] = received(receiver, 1)
    assert span.attributes["http.request.method"] == "GET"
    assert "http.method" not in span.attributes


def test_the_users_word_on_conventions_wins(receiver: Receiver) -> None:
    code = "import requests\ntry: requests.get('http://127.0.0.1:9')\nexcept requests.ConnectionError: pass"
    launch_code(code, **exporting_to(receiver, OTEL_SEMCONV_STABILITY_OPT_IN="http/dup"))

    [span] = received(receiver, 1)
    assert (span.attributes["http.request.method"], span.attributes["http.method"]) == ("GET", "GET")


def package(packages: Path, name: str, **modules: str) -> None:
    """Make a package of modules."""
    folder = packages / name
    folder.mkdir()
    for module, source in {"__init__": "", **modules}.items():
        (folder / f"{module}.py").write_text(source)


def known_instrumentor(packages: Path, library: str, module: str) -> None:
    """Make a stand-in for a published instrumentor, from the source of its module."""
    name = f"instrument_{library.replace('-', '_')}"
    entry_points = f"[opentelemetry_instrumentor]\n{library} = {name}:Instrumentor\n"
    install(packages, f"opentelemetry-instrumentation-{library}", entry_points=entry_points, **{name: module})


SAYS_SO = INSTRUMENTOR.format(requires=[], body="print('instrumented by', __name__)")


def test_a_row_with_two_triggers_comes_into_force_once(packages: Path) -> None:
    package(packages, "tornado", web="", httpclient="")
    known_instrumentor(packages, "tornado", f"import tornado.httpclient\n{SAYS_SO}")
    outcome = launch_code("import tornado.web, tornado.httpclient", PYTHONPATH=str(packages))

    assert (outcome.stdout, outcome.stderr) == ("instrumented by instrument_tornado\n", "")


def test_the_second_trigger_alone_will_do(packages: Path) -> None:
    package(packages, "tornado", web="", httpclient="")
    known_instrumentor(packages, "tornado", f"import tornado.httpclient\n{SAYS_SO}")
    outcome = launch_code("import tornado.httpclient; print('imported')", PYTHONPATH=str(packages))

    assert (outcome.stdout, outcome.stderr) == ("instrumented by instrument_tornado\nimported\n", "")


def test_a_library_that_an_instrumentor_imports_is_instrumented_when_that_one_is_done(packages: Path) -> None:
    instrumentor(packages, "inner", "print('inner')")
    instrumentor(packages, "outer", "import inner; print('outer', hasattr(inner, 'loaded'))")
    outcome = launch_code("import outer; print('imported')", PYTHONPATH=str(packages))

    assert (outcome.stdout, outcome.stderr) == ("outer True\ninner\nimported\n", "")


def test_one_distribution_with_two_libraries_instruments_both_though_it_imports_one_itself(packages: Path) -> None:
    """As upstream's for httpx does with httpx2."""
    entry_points = "[opentelemetry_instrumentor]\nhttpx = both:Instrumentor\nhttpx2 = both:Second\n"
    second = SAYS_SO.replace("class Instrumentor", "class Second").replace("__name__", "'Second'")
    install(packages, "both", entry_points=entry_points, both=f"import httpx2\n{SAYS_SO}\n{second}")
    install(packages, "httpx", httpx="")
    install(packages, "httpx2", httpx2="")
    outcome = launch_code("import httpx; print('imported')", PYTHONPATH=str(packages), PLATFORM_TRACE_UPSTREAM="httpx")

    assert (outcome.stdout, outcome.stderr) == ("instrumented by both\ninstrumented by Second\nimported\n", "")


@pytest.mark.parametrize("first", ["threading", "logging", "asyncio"])
def test_what_is_imported_in_the_middle_of_other_imports_is_instrumented_after_a_library(
    packages: Path, first: str
) -> None:
    for library in ("asyncio", "logging", "threading"):
        known_instrumentor(packages, library, f"import wrapt\n{SAYS_SO}")
    instrumentor(packages, "marvel", "print('marvel')")
    code = f"import {first}; import asyncio, logging, threading; print('so far'); import marvel; print('imported')"
    names = "asyncio,logging,marvel,threading"
    outcome = launch_code(
        code,
        PYTHONPATH=str(packages),
        PLATFORM_TRACE_ENABLED_INSTRUMENTATIONS=names,
        PLATFORM_TRACE_UPSTREAM="threading",
    )

    assert outcome.stderr == ""
    assert outcome.stdout.splitlines() == [
        "so far",
        "marvel",
        "instrumented by instrument_asyncio",
        "instrumented by instrument_logging",
        "instrumented by instrument_threading",
        "imported",
    ]


def test_what_a_script_imports_before_any_library_loads_no_instrumentor(packages: Path) -> None:
    known_instrumentor(packages, "threading", SAYS_SO)
    code = "import threading, logging, asyncio, concurrent.futures"
    outcome = launch_code(code, PYTHONPATH=str(packages), PLATFORM_TRACE_UPSTREAM="threading")

    assert (outcome.stdout, outcome.stderr) == ("", "")


def test_an_instrumentor_that_lacks_a_module_does_not_apply(packages: Path) -> None:
    install(packages, "marvel", marvel="")
    entry_points = "[opentelemetry_instrumentor]\nmarvel = instrument_marvel:Instrumentor\n"
    install(packages, "instrument-marvel", entry_points=entry_points, instrument_marvel="import pydantic_of_old\n")
    outcome = launch_code("import marvel; print('imported')", PYTHONPATH=str(packages))
    debugged = launch_code("import marvel", PYTHONPATH=str(packages), OTEL_LOG_LEVEL="debug")

    assert (outcome.stdout, outcome.stderr) == ("imported\n", "")
    assert (
        "platform-trace: marvel is not instrumented: ModuleNotFoundError: No module named 'pydantic_of_old'"
        in debugged.stderr.splitlines()
    )


def test_a_service_that_imports_an_instrumentor_before_its_library_is_left_to_itself(packages: Path) -> None:
    install(packages, "marvel", marvel="")
    install(
        packages,
        "instrument-marvel",
        entry_points="[opentelemetry_instrumentor]\nmarvel = instrument_marvel:Instrumentor\n",
        instrument_marvel=f"import marvel\n{SAYS_SO}",
    )
    code = "from instrument_marvel import Instrumentor; print('imported'); Instrumentor().instrument()"
    outcome = launch_code(code, PYTHONPATH=str(packages))

    assert (outcome.stdout, outcome.stderr) == ("imported\ninstrumented by instrument_marvel\n", "")


@pytest.mark.parametrize(
    "variables",
    [
        {"_HANDLER": "handlers/hello.handle"},
        {"_HANDLER": "handlers.hello.handle"},
        {"_HANDLER": "wrapper.handle", "ORIG_HANDLER": "handlers/hello.handle"},
    ],
)
def test_a_lambda_function_is_instrumented_when_its_handler_has_been_imported(
    packages: Path, variables: dict[str, str]
) -> None:
    package(packages, "handlers", hello="def handle(event, context): pass\n")
    # The package must have its module by then, as it has for whoever imports it.
    body = "import handlers.hello; handlers.hello.traced = True"
    known_instrumentor(packages, "aws-lambda", INSTRUMENTOR.format(requires=[], body=body))
    code = "import importlib; print(importlib.import_module('handlers.hello').traced)"
    outcome = launch_code(code, PYTHONPATH=str(packages), AWS_LAMBDA_FUNCTION_NAME="hello", **variables)

    assert (outcome.stdout, outcome.stderr) == ("True\n", "")


@needs("opentelemetry-instrumentation-aws-lambda")
def test_a_call_of_a_lambda_function_is_a_server_span_and_nothing_is_said(packages: Path, receiver: Receiver) -> None:
    (packages / "hello.py").write_text("def handle(event, context): return event['name']\n")
    code = """
        from types import SimpleNamespace
        import hello
        arn = "arn:aws:lambda:region:1:function:hello"
        context = SimpleNamespace(invoked_function_arn=arn, aws_request_id="1", function_name="hello")
        print(hello.handle({"name": "world"}, context))
    """
    variables = {"PYTHONPATH": str(packages), "AWS_LAMBDA_FUNCTION_NAME": "hello", "_HANDLER": "hello.handle"}
    [span] = spans_of(receiver, code, **variables)

    assert (span.kind, span.name) == ("server", "hello")


@pytest.mark.parametrize(
    "variables", [{"_HANDLER": "hello.handle"}, {"AWS_LAMBDA_FUNCTION_NAME": "hello"}, {"_HANDLER": "nothing"}]
)
def test_outside_lambda_no_module_is_taken_for_a_handler(packages: Path, variables: dict[str, str]) -> None:
    install(packages, "hello", hello="")
    known_instrumentor(packages, "aws-lambda", SAYS_SO)
    outcome = launch_code("import hello", PYTHONPATH=str(packages), **variables)

    assert (outcome.stdout, outcome.stderr) == ("", "")


def test_two_threads_that_import_two_triggers_at_once_instrument_once(packages: Path) -> None:
    slowly = "import time; time.sleep(0.1)\n"
    package(packages, "tornado", web=slowly, httpclient=slowly)
    known_instrumentor(packages, "tornado", f"{slowly}{SAYS_SO}")
    code = """
        from importlib import import_module
        from threading import Thread
        threads = [Thread(target=import_module, args=[f"tornado.{name}"]) for name in ("web", "httpclient")]
        [thread.start() for thread in threads]
        [thread.join() for thread in threads]
    """
    outcome = launch_code(code, PYTHONPATH=str(packages))

    assert (outcome.stdout, outcome.stderr) == ("instrumented by instrument_tornado\n", "")


def test_a_library_that_is_first_imported_while_the_interpreter_ends_is_left_alone(packages: Path) -> None:
    """Our exporter may import one when it sends the last spans."""
    instrumentor(packages, "marvel", "import concurrent.futures.thread")
    code = "import atexit, threading\n@atexit.register\ndef at_the_end():\n    import marvel; print('imported')"
    outcome = launch_code(code, PYTHONPATH=str(packages))

    assert (outcome.stdout, outcome.stderr) == ("imported\n", "")


def test_a_library_that_we_import_first_is_instrumented_when_we_are_done(packages: Path) -> None:
    """As the exporter thread may, and the service imports it only afterwards."""
    install(packages, "pika", pika="")
    known_instrumentor(packages, "pika", SAYS_SO)
    code = """
        from platform_otel.process.import_hooks import own_imports
        with own_imports():
            import pika
            print("imported")
        import pika
    """
    outcome = launch_code(code, PYTHONPATH=str(packages))

    assert (outcome.stdout, outcome.stderr) == ("imported\ninstrumented by instrument_pika\n", "")


FIRST = ("aiohttp", "click", "concurrent.futures", "django", "flask", "http.client", "httpx", "requests", "urllib3")


@pytest.mark.parametrize("module", FIRST)
def test_any_library_may_be_the_first_that_a_service_imports(module: str) -> None:
    """Its instrumentation then imports the API, whose import has our provider set, amid that of our own modules."""
    outcome = launch_code(f"import {module}; from opentelemetry import trace; print(trace.get_tracer_provider())")

    assert outcome.stderr == ""
    assert outcome.stdout.startswith("<platform_otel.tracing.provider.PlatformTracerProvider object")
