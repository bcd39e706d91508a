"""An exporter of the application's that sends to our collector is known by its endpoint."""

import pytest

from platform_otel.tracing.joined import send_to


class Exporter:
    def __init__(self, endpoint: object) -> None:
        self._endpoint = endpoint


class Processor:
    def __init__(self, endpoint: object) -> None:
        self.span_exporter = Exporter(endpoint)


@pytest.mark.parametrize(
    "theirs, ours",
    [
        ("http://collector:4318/v1/traces", "http://collector:4318/v1/traces"),
        ("http://Collector:4318/v1/traces", "http://collector:4318/other"),
        ("http://user:secret@collector:4318", "http://collector:4318/v1/traces"),
        ("collector:4317", "http://collector:4317"),
        ("http://[::1]:4318/v1/traces", "http://[::1]:4318"),
    ],
)
def test_the_same_host_and_port_is_the_same_collector(theirs: str, ours: str) -> None:
    assert send_to([object(), Processor(theirs)], [ours])


@pytest.mark.parametrize(
    "theirs, ours",
    [
        ("http://collector:4318", "http://collector:4319"),
        ("http://collector:4318", "http://other:4318"),
        ("http://[::1", "http://collector:4318"),
        ("http://[::1", "http://[::1"),
        ("", ""),
        ("unix:/run/a", "http://collector:4318"),
        (None, "http://collector:4318"),
        (5, "http://collector:4318"),
    ],
)
def test_whatever_else_an_endpoint_is_it_is_another_collector(theirs: object, ours: str) -> None:
    assert not send_to([Processor(theirs)], [ours])
