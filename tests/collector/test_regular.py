"""Regular expressions mean what they mean in Tempo, and none of them takes long."""

from __future__ import annotations

import subprocess
import sys

import pytest

from platform_otel.collector.tempo.regular import NotRegular, Regular


@pytest.mark.parametrize(
    "expression, text",
    [
        ("gate|meter", "meter"),
        ("(?i)get.*", "GET /a"),
        ("(?i:g)et", "Get"),
        ("a.b", "a\nb"),
        ("(?P<version>v[12])/x", "v1/x"),
        (r"/v1/\{id\}", "/v1/{id}"),
        (r"\x41\x{1F600}", "A😀"),
        (r"\pL+", "éλ"),
        ("[[:alpha:]]+", "ab"),
        (r"\bget\b.*", "get it"),
        ("^5..$", "503"),
        ("", ""),
        ("é+", "éé"),
        ("a\0b", "a\0b"),
    ],
)
def test_it_matches(expression: str, text: str) -> None:
    assert Regular(expression).matches(text)


@pytest.mark.parametrize(
    "expression, text",
    [
        ("gate|meter", "meters"),
        ("gate|meter", "agate"),
        ("get.*", "GET /a"),
        ("(?-s)a.b", "a\nb"),
        ("5..", "503\n"),
        (".", ""),
        ("^a", "ba"),
        (".", "éé"),
    ],
)
def test_it_does_not_match(expression: str, text: str) -> None:
    assert not Regular(expression).matches(text)


@pytest.mark.parametrize(
    "expression, says",
    [
        ("(a", r"in the regular expression: missing \): \(a"),
        ("é)", r"unexpected \): é\)"),
        ("*", r"no argument for repetition operator: \*"),
        ("[a", r"missing \]: \[a"),
        ("[b-a]", "invalid character class range: b-a"),
        ("(?=a)", r"invalid perl operator: \(\?="),
        (r"(a)\1", "invalid escape sequence"),
        ("a{1001}", "invalid repetition size"),
        ("(a{1000}){1000}", "invalid repetition size"),
        (r"(\pL\pN){20}", "pattern too large"),
        ("\\", "trailing"),
    ],
)
def test_what_is_not_understood_is_refused(expression: str, says: str) -> None:
    with pytest.raises(NotRegular, match=says):
        Regular(expression)


HOSTILE = ["(a*)*b", "(a|a)*b", "(.*a){12}b", "(a?){30}a{30}b", ".*[ab][ac]{400}b", "((a|b)?){999}((a|b)?){999}b"]


@pytest.mark.timeout(60)
@pytest.mark.parametrize("expression", HOSTILE)
def test_what_would_keep_pythons_own_busy_for_years_does_not_match_soon(expression: str) -> None:
    assert not Regular(expression).matches("a" * 1_000_000)


def test_of_a_long_text_the_beginning_is_matched() -> None:
    assert Regular("a{1000}.*").matches("a" * 100_000)
    assert not Regular(".*b").matches("a" * 100_000 + "b")


def test_matching_is_ended_by_whoever_checks() -> None:
    class Late(Exception):
        pass

    def check() -> None:
        raise Late

    with pytest.raises(Late):
        Regular("a*", check).matches("a")


def test_nothing_is_logged() -> None:
    code = """
from platform_otel.collector.tempo.regular import NotRegular, Regular
for expression in ("(", "(a{1000}){1000}", ".*[ab]{900}.*[ab]{900}c"):
    try:
        Regular(expression).matches("ab" * 5000)
    except NotRegular:
        print("refused")
"""
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert ended.stdout == "refused\nrefused\n"
    assert ended.stderr == ""
