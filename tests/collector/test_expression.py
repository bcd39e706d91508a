"""Expressions mean what their page says, and what is none is refused with its place."""

from __future__ import annotations

import fnmatch
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from platform_otel.collector.expression import NotUnderstood, matches_pattern, parse

SPAN = {
    "service": "gate",
    "duration": 250_000_000,
    "http.route": "/v1/things/{id}",
    "http.response.status_code": 503,
    "ratio": 0.5,
    "cached": True,
    "tags": ["red", "blue"],
    "and": "a field",
    "with space": "yes",
}


def holds(text: str) -> bool:
    return parse(text).holds(SPAN.get)


@pytest.mark.parametrize(
    "text",
    [
        "service = gate",
        "service = 'gate'",
        'service="gate"',
        "service != shop",
        "http.response.status_code >= 500",
        "http.response.status_code = 503",
        "http.response.status_code > 502.5",
        "http.response.status_code < 1e9 or ratio <= 0.5",
        "duration > 100ms and duration < 0.5s",
        "duration = 250ms",
        "duration >= 250000us and duration < 1m",
        "cached = true",
        "cached",
        "not missing",
        "NOT missing AND cached",
        "http.route ~ '/v1/*'",
        "http.route ~ */{id}",
        "http.route !~ '*prompts*'",
        "tags = red and tags = blue and not tags = green",
        "service > fish and service < goat",
        "(service = shop or cached) and not (ratio = 1)",
        "service = shop and cached or ratio = 0.5",
        "'and' = 'a field'",
        "'with space' = yes",
        r"service != 'g\'ate'",
    ],
)
def test_it_holds(text: str) -> None:
    assert holds(text)


@pytest.mark.parametrize(
    "text",
    [
        "service = GATE",
        "missing",
        "missing = 1",
        "missing != 1",
        "missing !~ 'x'",
        "http.response.status_code > fast",
        "service > 5 and service < 6",
        "http.response.status_code = '503 '",
        "cached = True",
        "cached > 0",
        "http.route ~ 'things'",
        "service = shop and (cached or ratio = 0.5)",
    ],
)
def test_it_does_not_hold(text: str) -> None:
    assert not holds(text)


@pytest.mark.parametrize(
    "text, says",
    [
        ("", "at character 1: a field is missing, there is nothing more"),
        ("   ", "a field is missing"),
        ("a =", "at character 4: a value is missing, there is nothing more"),
        ("a = 1 b", "at character 7: and, or, or the end is missing, there is 'b'"),
        ("(a = 1", r"at character 7: \) is missing, there is nothing more"),
        ("a = 1)", "at character 6"),
        ("= 1", "at character 1: a field is missing, there is '='"),
        ("a = 'never ends", "at character 4: cannot read"),
        ("a ! b", "cannot read '"),
        ("(" * 60 + "a" + ")" * 60, "nested 50 deep"),
        ("not " * 60 + "a", "nested 50 deep"),
        ("a" * 2001, "at most 2000 characters"),
    ],
)
def test_what_is_no_expression_is_refused_with_its_place(text: str, says: str) -> None:
    with pytest.raises(NotUnderstood, match=says):
        parse(text)


@given(st.text(alphabet="ab ()=<>~!'\"\\*.andortl1ms", max_size=40))
def test_any_text_is_an_expression_or_is_refused(text: str) -> None:
    try:
        parse(text).holds(SPAN.get)
    except NotUnderstood:
        pass


@given(st.text(alphabet="ab", max_size=12), st.text(alphabet="ab*", max_size=8))
def test_a_pattern_matches_what_a_shell_would_match(text: str, pattern: str) -> None:
    assert matches_pattern(text, pattern) == bool(re.match(fnmatch.translate(pattern), text))
