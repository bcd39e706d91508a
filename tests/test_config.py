"""Settings: declared once, read by their kind, shown without secrets."""

import pytest

from platform_otel.config import OPTIONS, SETTINGS, Config, parse, shown


def test_every_setting_has_a_default_of_its_kind() -> None:
    for name, kind, default, text in SETTINGS:
        assert text.endswith("."), name
        if default:
            parse(kind, default)


def test_settings_are_unique_and_options_name_settings() -> None:
    names = [row[0] for row in SETTINGS]

    assert len(names) == len(set(names))
    assert {row[1] for row in OPTIONS} <= set(names)


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
    assert said == ["OTEL_EXPORTER_OTLP_TRACES_TIMEOUT='soon' is not a whole number that is not negative; using 10000"]


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
    ],
)
def test_a_shown_value_holds_no_secret(kind: str, text: str) -> None:
    assert "s3cret" not in shown(kind, text)


def test_a_shown_value_is_short_and_on_one_line_of_ascii() -> None:
    text = shown("text", "line\nline\udcff" + "x" * 1000)

    assert len(text) < 100
    assert text.isascii()
    assert "\n" not in text
