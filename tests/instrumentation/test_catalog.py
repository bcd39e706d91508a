"""The catalog is data that holds together, and agrees with what is installed."""

import json
import re
import sys
from importlib.metadata import entry_points
from importlib.util import find_spec

import pytest
from opentelemetry.instrumentation import bootstrap_gen

from platform_otel.instrumentation.catalog import CATALOG, Row
from platform_otel.process.distribution import normalised
from tests.support import run

every_row = pytest.mark.parametrize("row", CATALOG, ids=[row.library for row in CATALOG])


def test_libraries_are_sorted_and_each_is_there_once() -> None:
    libraries = [row.library for row in CATALOG]

    assert libraries == sorted(set(libraries))


@every_row
def test_a_trigger_is_the_name_of_a_module(row: Row) -> None:
    assert all(part.isidentifier() for trigger in row.triggers for part in trigger.split("."))
    assert len(set(row.triggers)) == len(row.triggers)


@every_row
def test_a_distribution_is_named_as_the_package_index_names_it(row: Row) -> None:
    assert row.distribution.startswith("opentelemetry-instrumentation-") or (row.ours and not row.distribution)
    assert row.distribution == normalised(row.distribution)


@every_row
def test_one_of_ours_has_its_module(row: Row) -> None:
    assert not row.ours or find_spec(f"platform_otel.instrumentation.{row.ours}") is not None


@every_row
def test_what_is_off_by_default_has_a_reason_to_print_and_nothing_else_has(row: Row) -> None:
    assert row.off == "" or row.off.startswith("it ")
    assert row.off or not row.asked_by
    assert all(setting.startswith("OTEL_") for setting in row.asked_by)


@every_row
def test_a_special_case_has_its_module(row: Row) -> None:
    assert not row.special or find_spec(f"platform_otel.instrumentation.{row.special}") is not None
    assert not (row.special and row.arguments)


def test_the_distributions_that_are_installed_offer_what_the_rows_say() -> None:
    offered = {
        (normalised(point.dist.name), point.name)
        for point in entry_points(group="opentelemetry_instrumentor")
        if point.dist is not None
    }
    rows = {(row.distribution, row.library) for row in CATALOG}
    distributions = {distribution for distribution, _ in rows}

    assert {(distribution, name) for distribution, name in offered if distribution in distributions} <= rows


# Parts of other instrumentations: they offer no instrumentor of their own.
PARTS = {f"opentelemetry-instrumentation-{name}" for name in ("asgi", "dbapi", "wsgi")}


def test_whatever_upstream_would_install_has_its_row() -> None:
    pinned = [*bootstrap_gen.default_instrumentations, *(row["instrumentation"] for row in bootstrap_gen.libraries)]
    distributions = {re.split("[=<>~]", requirement)[0].strip() for requirement in pinned}

    assert distributions - {row.distribution for row in CATALOG} <= PARTS


def test_reading_it_loads_nothing() -> None:
    code = (
        "import json, sys; before = set(sys.modules)\n"
        "import platform_otel.instrumentation.catalog\n"
        "print(json.dumps(sorted(set(sys.modules) - before)))\n"
    )
    loaded = json.loads(run(sys.executable, "-c", code).stdout)

    assert loaded == ["platform_otel", "platform_otel.instrumentation", "platform_otel.instrumentation.catalog"]
