"""Instrumentors come into force with their library, one whatever happens to another."""

from pathlib import Path

import pytest

from platform_otel.demo.receiver import Receiver
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
    code += "\ntrace.get_tracer('t').start_span('two').end(); trace.get_tracer_provider().force_flush()"
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
    assert len(outcome.stderr.splitlines()) == 1
    assert outcome.stderr.startswith("platform-trace: could not ")


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


def test_a_library_that_our_exporter_imports_first_is_instrumented_all_the_same(receiver: Receiver) -> None:
    """The exporter thread imports requests; the service imports it only afterwards."""
    code = """
        import sys
        from opentelemetry import trace
        trace.get_tracer('t').start_span('one').end()
        trace.get_tracer_provider().force_flush()
        print('requests' in sys.modules)
        import requests
        try:
            requests.get("http://127.0.0.1:9")
        except requests.ConnectionError:
            pass
    """
    outcome = launch_code(code, **exporting_to(receiver))

    assert (outcome.stdout, outcome.stderr) == ("True\n", "")
    assert sorted(span.name for span in received(receiver, 2)) == ["GET", "one"]
