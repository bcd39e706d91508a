"""The configurations on the how-to pages can be read, and name only what they define."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

HOW_TO = Path(__file__).parents[2] / "docs" / "how-to"
# The parts of a Collector's configuration: https://opentelemetry.io/docs/collector/configuration/
SECTIONS = {"receivers", "processors", "exporters", "connectors", "extensions", "service"}


def configurations(page: str) -> list[Any]:
    """Every block of YAML on a page."""
    text = (HOW_TO / page).read_text(encoding="utf-8")
    return [yaml.safe_load(block) for block in re.findall(r"^```yaml\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)]


COLLECTORS = configurations("tempo-or-jaeger.md")
SOURCES = [source for each in configurations("grafana.md") for source in each["datasources"]]


def test_there_is_one_for_each() -> None:
    exporters = [set(each["exporters"]) for each in COLLECTORS]

    assert exporters == [{"otlp_http/tempo"}, {"otlp_http/jaeger"}, {"otlp_http/tempo", "otlp_http/platform_trace"}]
    assert [source["type"] for source in SOURCES] == ["tempo", "jaeger", "tempo"]


@pytest.mark.parametrize("number", range(3))
def test_a_pipeline_names_what_is_defined_and_all_of_it(number: int) -> None:
    configuration = COLLECTORS[number]
    pipelines = configuration["service"]["pipelines"]

    assert set(configuration) <= SECTIONS
    assert set(pipelines) == {"traces"}
    for section, named in pipelines["traces"].items():
        assert set(named) == set(configuration[section])


@pytest.mark.parametrize("number", range(3))
def test_it_receives_where_services_send_and_exports_to_an_address(number: int) -> None:
    configuration = COLLECTORS[number]

    assert configuration["receivers"]["otlp"]["protocols"]["http"]["endpoint"].endswith(":4318")
    assert all(re.fullmatch(r"http://[\w-]+:4318", each["endpoint"]) for each in configuration["exporters"].values())


def test_a_data_source_asks_at_the_query_port() -> None:
    assert {source["access"] for source in SOURCES} == {"proxy"}
    assert all(source["url"].endswith(":16686") for source in SOURCES)
