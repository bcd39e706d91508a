"""A call's span and headers, whatever a service gives as method, address and headers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.propagators.textmap import default_setter

from platform_otel.config import Config
from platform_otel.http.settings import client_settings
from platform_otel.instrumentation.client_call import Calls
from platform_otel.instrumentation.context import get_current
from platform_otel.process import guard
from platform_otel.tracing.provider import PlatformTracerProvider

TEXTS = st.text() | st.text("GETgetPOST://@?&=#[]:%. \t\r\n\0", max_size=20)
METHODS = st.sampled_from(["GET", "get", "POST"]) | TEXTS | st.binary() | st.none() | st.integers()
NAMES = st.sampled_from(["traceparent", "Traceparent", "tracestate", "X-Token"]) | TEXTS
HEADERS = st.dictionaries(NAMES, TEXTS | st.binary() | st.none() | st.integers())
STATUSES = st.integers() | TEXTS | st.none() | st.booleans()


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> Calls:
    config = Config({"OTEL_TRACES_EXPORTER": "none"})
    tracer = PlatformTracerProvider(config).get_tracer("calls")
    monkeypatch.setattr("platform_otel.instrumentation.client_call.get_tracer", lambda *_: tracer)
    monkeypatch.setattr(guard, "strict", True)
    return Calls("requests", client_settings(config, "requests"), default_setter)


@settings(max_examples=500)
@given(METHODS, TEXTS, HEADERS | st.none(), STATUSES, TEXTS, st.sampled_from(["finish", "fail", "drop"]))
def check(calls: Calls, method: Any, url: str, headers: Any, status: Any, version: str, end: str) -> None:
    before = get_current()
    call = calls.start(method, f"http://{url}", {} if headers is None else headers)
    assert call is not None
    assert get_current() is not before
    call.answer(status, version, headers)
    assert get_current() is before
    if end == "finish":
        call.finish()
    elif end == "fail":
        call.fail(ValueError(url))
    del call


def test_headers_that_cannot_be_written_cost_their_context_and_not_the_span(
    calls: Calls, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Headers(dict[str, str]):
        def __setitem__(self, key: str, value: str) -> None:
            raise KeyError(key)

    monkeypatch.setattr(guard, "strict", False)
    monkeypatch.setattr(guard, "_level", 0)
    before = get_current()
    call = calls.start("GET", "http://h/", Headers())

    assert call is not None
    assert get_current() is not before
    call.finish()
    assert get_current() is before


def test_no_request_and_no_response_is_too_odd(calls: Calls) -> None:
    check(calls)


@pytest.mark.parametrize(
    "work",
    [
        lambda calls: calls.start("GET", None, {}),
        lambda calls: calls.start("GET", "http://h/", None),
        lambda calls: calls.start("GET", "http://h/", {"traceparent": object()}),
        lambda calls: calls.start([], object(), object()),
    ],
)
def test_what_cannot_be_traced_leaves_the_context_as_it_was(
    calls: Calls, monkeypatch: pytest.MonkeyPatch, work: Callable[[Calls], Any]
) -> None:
    monkeypatch.setattr(guard, "strict", False)
    monkeypatch.setattr(guard, "_level", 0)
    before = get_current()
    call = work(calls)
    if call is not None:
        call.finish()

    assert get_current() is before
