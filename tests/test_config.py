"""Settings: declared once, read by their kind, shown without secrets."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import platform_otel
from platform_otel.config import OPTIONS, SETTINGS, Config, parse, shown
from platform_otel.process.kubernetes import ANYWHERE


def test_every_setting_has_a_default_of_its_kind() -> None:
    for name, kind, default, text in SETTINGS:
        assert text.endswith("."), name
        if default:
            parse(kind, default)


def test_settings_are_unique_and_options_name_settings() -> None:
    names = [row[0] for row in SETTINGS]

    assert len(names) == len(set(names))
    assert {row[1] for row in OPTIONS} <= set(names)


def named() -> Iterator[tuple[str, str]]:
    """The variables that the code names, each with the file where it does."""
    for path in sorted(Path(platform_otel.__file__).parent.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                for name in re.findall(r"\b(?:OTEL|PLATFORM_TRACE)_[A-Z0-9_]+", node.value):
                    yield path.name, name


def test_every_variable_that_the_code_names_is_a_setting() -> None:
    # The operator sets these for the downward API; no user does.
    declared = {row[0] for row in SETTINGS} | {variable for _, variables in ANYWHERE for variable in variables}
    unknown = {(place, name) for place, name in named() if name not in declared}
    # What ends so is the beginning of names that are put together.
    beginnings = {
        (place, name) for place, name in unknown if name[-1] == "_" and any(each.startswith(name) for each in declared)
    }

    assert len(set(named())) > 100
    assert unknown - beginnings == set()


@pytest.mark.parametrize(
    "kind, text, value",
    [
        ("boolean", "TRUE", True),
        ("boolean", "false", False),
        ("integer", "0", 0),
        ("milliseconds", "1000", 1000),
        ("list", " a, b ,,c ", ("a", "b", "c")),
        ("none|gzip", "GZIP", "gzip"),
        ("text", "as it is", "as it is"),
    ],
)
def test_a_good_value_is_read_by_its_kind(kind: str, text: str, value: object) -> None:
    assert parse(kind, text) == value


@pytest.mark.parametrize(
    "kind, text",
    [
        ("boolean", "1"),
        ("boolean", "yes"),
        ("integer", "-1"),
        ("integer", "1.5"),
        ("integer", "1_000"),
        ("integer", "٣"),
        ("integer", "9" * 40),
        ("integer", "nan"),
        ("none|gzip", "brotli"),
    ],
)
def test_a_bad_value_is_refused_with_what_was_expected(kind: str, text: str) -> None:
    with pytest.raises(ValueError, match=r"whole number|true or false|one of"):
        parse(kind, text)


def test_a_bad_value_is_said_and_the_next_setting_asked() -> None:
    said: list[str] = []
    environ = {"OTEL_EXPORTER_OTLP_TRACES_TIMEOUT": "soon", "OTEL_EXPORTER_OTLP_TIMEOUT": "5"}
    config = Config(environ, warn=said.append)

    assert config.get("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "OTEL_EXPORTER_OTLP_TIMEOUT") == 5
    [line] = said
    assert line == (
        "OTEL_EXPORTER_OTLP_TRACES_TIMEOUT='soon' is not a whole number that is not negative; "
        "using 5, from OTEL_EXPORTER_OTLP_TIMEOUT"
    )


@pytest.mark.parametrize(
    "environ, found",
    [
        ({}, ("http/protobuf", "")),
        ({"OTEL_EXPORTER_OTLP_PROTOCOL": "GRPC"}, ("grpc", "OTEL_EXPORTER_OTLP_PROTOCOL")),
        (
            {"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc", "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": "bogus"},
            ("grpc", "OTEL_EXPORTER_OTLP_PROTOCOL"),
        ),
        ({"OTEL_EXPORTER_OTLP_PROTOCOL": "http/json"}, ("http/protobuf", "")),
    ],
)
def test_a_value_comes_with_the_name_of_the_setting_that_says_it(environ: dict[str, str], found: object) -> None:
    assert Config(environ).find("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL") == found


@pytest.mark.parametrize("text", ["", " ", "\t"])
def test_an_empty_value_counts_as_not_set(text: str) -> None:
    config = Config({"OTEL_BSP_SCHEDULE_DELAY": text})

    assert not config.is_set("OTEL_BSP_SCHEDULE_DELAY")
    assert config.get("OTEL_BSP_SCHEDULE_DELAY") == 1000


@pytest.mark.parametrize(
    "kind, text",
    [
        ("secret", "authorization=s3cret"),
        ("pairs", "token=s3cret"),
        ("url", "http://user:s3cret@collector:4318/path"),
        ("url", "user:s3cret@collector:4318"),
        ("url", "https://user:s3cret://x@host"),
        ("url", "https://user:a/s3cret?@host"),
        ("url", "http://collector:4318/?token=s3cret"),
        ("http/protobuf|grpc", "http://user:s3cret@collector:4317"),
        ("integer", "https://collector/?token=s3cret"),
        # A password that begins as a port does, and holds what ends a host.
        ("url", "http://user:123/s3cret@127.0.0.1:1"),
        ("url", "http://user:123?s3cret@127.0.0.1:1"),
        ("url", "http://user:123#s3cret@127.0.0.1:1"),
        ("url", "http:/user:s3cret@collector"),
        ("url", "http://127.0.0.1:1/v1?user=me@corp.example&code=s3cret"),
        ("url", "http://collector/x? s3cret"),
        ("url", "http://collector/x#s3cret"),
        # What was meant for the headers.
        ("milliseconds", "authorization=Bearer s3cret"),
        ("milliseconds", "Authorization%3DBearer%20s3cret"),
        ("none|gzip", "x-honeycomb-team: s3cret"),
        ("text", "authorization=Bearer s3cret"),
        ("text", "Authorization%3DBearer%20s3cret"),
        ("list", "user:s3cret@collector"),
        # The key itself, in place of its file's name.
        ("path", "-----BEGIN PRIVATE KEY-----\ns3cret\n-----END PRIVATE KEY-----"),
        ("path", "-----BEGIN PRIVATE KEY----- s3cret -----END PRIVATE KEY-----"),
        ("path", "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQDs3cret" * 3),
        ("path", "/etc/ssl\ns3cret"),
        ("text", "-----BEGIN PRIVATE KEY-----\ns3cret"),
    ],
)
def test_a_shown_value_holds_no_secret(kind: str, text: str) -> None:
    assert "s3cret" not in shown(kind, text)


@pytest.mark.parametrize(
    "kind, text",
    [
        ("milliseconds", "10s"),
        ("milliseconds", "5 s"),
        ("http/protobuf|grpc", "http/json"),
        ("path", "/etc/ssl/" + "folder/" * 6 + "ca.pem"),
        ("path", "certificates/ca.pem"),
        ("text", "identity"),
        ("url", "http://collector:4318/v1/traces"),
    ],
)
def test_a_value_without_a_secret_is_shown_as_it_is(kind: str, text: str) -> None:
    assert shown(kind, text) == repr(text)


def test_a_shown_value_is_short_and_on_one_line_of_ascii() -> None:
    text = shown("text", "line\nline\udcff" + "x" * 1000)

    assert len(text) < 100
    assert text.isascii()
    assert "\n" not in text


@pytest.mark.parametrize("kind", ["text", "boolean", "path", "list", "url"])
def test_a_huge_value_is_shown_as_soon_as_any_other(kind: str) -> None:
    assert len(shown(kind, "x" * 100_000)) < 100
