"""Under gevent and eventlet the service works, whenever it patches, and its spans arrive."""

import pytest

from tests.receiver import Receiver
from tests.support import exporting_to, launch_code, run_code

LATER = {"OTEL_BSP_SCHEDULE_DELAY": "30000"}
PATCHES = {
    "gevent": "import gevent.monkey; gevent.monkey.patch_all()",
    "eventlet": "import warnings; warnings.simplefilter('ignore'); import eventlet; eventlet.monkey_patch()",
}
SPAWN = {
    "gevent": "import gevent; gevent.joinall([gevent.spawn(spans.work, n) for n in range(3)])",
    "eventlet": "[t.wait() for t in [eventlet.spawn(spans.work, n) for n in range(3)]]",
}


@pytest.mark.parametrize("library", PATCHES)
@pytest.mark.parametrize("when", ["first", "after a span", "after an export"])
def test_spans_of_greenlets_arrive_whenever_the_service_patches(receiver: Receiver, library: str, when: str) -> None:
    flush = "from opentelemetry import trace; trace.get_tracer_provider().force_flush()"
    lines = {
        "first": [PATCHES[library], "import spans; spans.work('early')"],
        "after a span": ["import spans; spans.work('early')", PATCHES[library]],
        "after an export": [f"import spans; spans.work('early'); {flush}", PATCHES[library]],
    }[when]
    code = "\n".join([*lines, SPAWN[library], "print('done')"])
    outcome = launch_code(code, **exporting_to(receiver, **LATER))

    assert (outcome.returncode, outcome.stdout, outcome.stderr) == (0, "done\n", "")
    assert sorted(span.name for span in receiver.spans()) == ["work 0", "work 1", "work 2", "work early"]


@pytest.mark.parametrize("library", PATCHES)
def test_a_process_that_sigterm_ends_delivers_under_greenlets_too(receiver: Receiver, library: str) -> None:
    code = f"""
        {PATCHES[library]}
        import os, time, {library}, spans
        spans.work(0)
        {library}.spawn(lambda: os.kill(os.getpid(), 15))
        time.sleep(600)
    """
    outcome = launch_code(code, **exporting_to(receiver, **LATER))

    assert (outcome.returncode, outcome.stdout, outcome.stderr) == (-15, "", "")
    assert [span.name for span in receiver.spans()] == ["work 0"]


def test_tls_works_under_gevent_as_without_us(receiver: Receiver) -> None:
    """Whoever imported ssl before the patch makes it recurse for ever."""
    code = """
        import gevent.monkey
        gevent.monkey.patch_all()
        import ssl, spans
        spans.work(0)
        ssl.create_default_context().minimum_version = ssl.TLSVersion.TLSv1_2
    """
    outcome = launch_code(code, **exporting_to(receiver, **LATER))

    assert (outcome.returncode, outcome.stdout, outcome.stderr) == (0, "", "")
    assert [span.name for span in receiver.spans()] == ["work 0"]


def test_our_start_imports_nothing_that_a_service_patches() -> None:
    modules = "'ssl', 'socket', 'select', 'selectors', 'threading', 'queue', 'subprocess', 'urllib3', 'requests'"
    code = f"import sys; print([m for m in ({modules}) if m in sys.modules]); import gevent.monkey"

    assert launch_code(code).stdout == run_code(code).stdout == "[]\n"
