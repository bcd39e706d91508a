"""Which exporters the settings ask for, and which address."""

from __future__ import annotations

import pytest

from platform_otel.config import Config
from platform_otel.export.choice import choose_exporters, traces_endpoint
from platform_otel.export.exports import batching, exports
from platform_otel.process.identity import Identity


@pytest.mark.parametrize(
    "variables, names",
    [
        ({}, ("stdout",)),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://h"}, ("otlp",)),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://h"}, ("otlp",)),
        ({"OTEL_TRACES_EXPORTER": "none"}, ()),
        ({"OTEL_TRACES_EXPORTER": "OTLP, otlp,Console"}, ("otlp", "console")),
        ({"OTEL_TRACES_EXPORTER": "Zipkin,none", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://h"}, ("Zipkin",)),
    ],
)
def test_the_variable_decides_else_the_endpoint_else_stdout(variables: dict[str, str], names: tuple[str, ...]) -> None:
    assert choose_exporters(Config(variables)) == names


@pytest.mark.parametrize("names", ["nobody-offers-this", "nobody-offers-this,otlp", "otlp,nobody-offers-this,nor-this"])
def test_an_exporter_that_nobody_offers_is_replaced_by_one_otlp_export(names: str) -> None:
    made = exports(Config({"OTEL_TRACES_EXPORTER": names}), Identity(), (8192, 8192))

    assert [export.name for export in made] == ["http://localhost:4318/v1/traces"]


@pytest.mark.parametrize(
    "variables, address",
    [
        ({}, "http://localhost:4318/v1/traces"),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "collector:4318/"}, "http://collector:4318/v1/traces"),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "https://h/base?team=a/b"}, "https://h/base/v1/traces?team=a/b"),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "https://h/exact?a=b"}, "https://h/exact?a=b"),
    ],
)
def test_the_path_is_added_to_the_base_address_only(variables: dict[str, str], address: str) -> None:
    assert traces_endpoint(Config(variables)) == address


def test_a_batch_is_no_larger_than_what_may_wait() -> None:
    asked = batching(Config({"OTEL_BSP_MAX_QUEUE_SIZE": "100", "OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "512"}))

    assert (asked.most, asked.waiting) == (100, 100)
