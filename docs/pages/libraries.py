"""docs/reference/supported-libraries.md."""

import re
from pathlib import Path

from pages.markdown import header, listed, table
from pages.traced import TRACED
from platform_otel.instrumentation.catalog import CATALOG, HANDLER, Row

PYPROJECT = Path(__file__).parents[2] / "pyproject.toml"

_LIBRARIES = """\
What is traced, and by what. Web frameworks, servers and HTTP clients are instrumented by platform-otel itself, unless
`PLATFORM_TRACE_UPSTREAM` or `OTEL_SEMCONV_STABILITY_OPT_IN` prefers upstream's instrumentation; every other library by
upstream's. It comes into force when the service imports the library; upstream's only if it is installed in the
service's environment. A library in use whose instrumentation is missing is not traced, and `platform-trace doctor` and
`OTEL_LOG_LEVEL=debug` say so.

The first column is the name for `OTEL_PYTHON_DISABLED_INSTRUMENTATIONS` and `PLATFORM_TRACE_ENABLED_INSTRUMENTATIONS`
([how to](../how-to/turn-an-instrumentation-off.md)). The last says what installs the instrumentation: `platform-otel`
itself, its extra `all`, or only its own name. Where the installed version is outside of the range, one line says so
when the library is imported, and the library runs untraced. For those that platform-otel instruments itself the range
is what its tests cover.

## On by default
"""

_OFF = """\
## Off by default

Naming a library in `PLATFORM_TRACE_ENABLED_INSTRUMENTATIONS` switches it on; that variable is a list of all that is
wanted, so name the others too. A variable in the third column does as well, without touching the others.
"""

_OTHERS = """\
## Other libraries

An installed package that offers an instrumentor to OpenTelemetry (entry point group `opentelemetry_instrumentor`) is
used too. Its instrumentor is loaded when the service imports the library that the package's extra `instruments` names;
where it names none, the module with the instrumentor's own name.
"""


def page() -> str:
    """Every row of the catalog: those that are on by default, then the others."""
    on = table(
        ("Library", "Versions", "What is traced", "Waits for the import of", "Instrumentation", "Installed with"),
        ((f"`{row.library}`", *_traced(row), _triggers(row), *_instrumentation(row)) for row in CATALOG if not row.off),
    )
    off = table(
        (
            "Library",
            "Versions",
            "What is traced",
            "Why it is off",
            "Switched on by",
            "Instrumentation",
            "Installed with",
        ),
        (
            (
                f"`{row.library}`",
                *_traced(row),
                _why(row),
                listed(row.asked_by) or "its name only",
                *_instrumentation(row),
            )
            for row in CATALOG
            if row.off
        ),
    )
    head = header("Supported libraries", "platform_otel/instrumentation/catalog.py")
    return f"{head}\n{_LIBRARIES}\n{on}\n{_OFF}\n{off}\n{_OTHERS}"


def _traced(row: Row) -> tuple[str, str]:
    versions, what = TRACED[row.library]
    is_range = any(letter in versions for letter in "<>=")
    return f"`{versions}`" if is_range else versions, f"{what[:1].upper()}{what[1:]}"


def _triggers(row: Row) -> str:
    if row.triggers == (HANDLER,):
        return "the module of the Lambda function's handler"
    return listed(row.triggers) if row.triggers else "the first of the others"


def _why(row: Row) -> str:
    return f"{row.off[:1].upper()}{row.off[1:]}."


def _instrumentation(row: Row) -> tuple[str, str]:
    if row.ours:
        return "ours" + (f"; upstream's is `{row.distribution}`" if row.distribution else ""), "`platform-otel`"
    return f"`{row.distribution}`", _source(row.distribution)


def _source(distribution: str) -> str:
    if distribution in _required("dependencies"):
        return "`platform-otel`"
    return "`platform-otel[all]`" if distribution in _required("all") else "its own name"


def _required(key: str) -> set[str]:
    """The distributions in a list of pyproject.toml. tomllib came with Python 3.11, so we look for ourselves."""
    found = re.search(rf"^{key} = \[\n(.*?)^\]", PYPROJECT.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    return set(re.findall(r'^  "([A-Za-z0-9-]+)', found.group(1), re.MULTILINE)) if found else set()
