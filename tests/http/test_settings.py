"""What users set about HTTP."""

import pytest

from platform_otel.config import Config
from platform_otel.http.exclusion import HEALTH_CHECKS
from platform_otel.http.methods import named, recorded
from platform_otel.http.settings import client_settings, server_settings

KNOWN = server_settings(Config({}), "asgi").methods


def test_a_server_leaves_out_health_checks_unless_the_user_says_what() -> None:
    assert server_settings(Config({}), "fastapi").excluded.paths == HEALTH_CHECKS
    for variable in ("OTEL_PYTHON_EXCLUDED_URLS", "OTEL_PYTHON_FASTAPI_EXCLUDED_URLS"):
        assert server_settings(Config({variable: "^$"}), "fastapi").excluded.paths == frozenset()


def test_a_client_leaves_out_nothing_unless_the_user_says_what() -> None:
    excluded = client_settings(Config({}), "requests").excluded

    assert not excluded.of_url("http://service/healthz")
    assert excluded.paths == frozenset()


def test_the_librarys_own_list_wins() -> None:
    config = Config({"OTEL_PYTHON_EXCLUDED_URLS": "/all", "OTEL_PYTHON_FLASK_EXCLUDED_URLS": "/flask"})

    assert server_settings(config, "flask").excluded.of_url("http://a/flask")
    assert not server_settings(config, "flask").excluded.of_url("http://a/all")
    assert server_settings(config, "fastapi").excluded.of_url("http://a/all")


@pytest.mark.parametrize(
    "path, root, is_one",
    [
        ("/healthz", "", True),
        ("/healthz/", "", True),
        ("/metrics/", None, True),
        ("/api/metrics/", "/api", True),
        ("/healthz//", "", False),
        ("/api/healthz", "/api", True),
        ("/api/healthz", "", False),
        ("/healthz/live", "", False),
        ("/apihealthz", "/api", False),
        ("/users/healthz", "", False),
    ],
)
def test_health_checks_are_matched_on_the_whole_path(path: str, root: str | None, is_one: bool) -> None:
    excluded = server_settings(Config({}), "asgi").excluded

    assert excluded.of(path, path, root, lambda path: (f"http://service{path}", "")) is is_one


def test_a_bad_pattern_is_said_and_ignored() -> None:
    said: list[str] = []
    excluded = server_settings(Config({"OTEL_PYTHON_EXCLUDED_URLS": "*health"}, said.append), "asgi").excluded

    assert excluded.search is None
    assert len(set(said)) == 1
    assert "OTEL_PYTHON_EXCLUDED_URLS" in said[0]


@pytest.mark.parametrize(
    "method, attribute, name",
    [("GET", "GET", "GET"), ("get", "GET", "GET"), ("BREW", "_OTHER", "HTTP"), ("", "_OTHER", "HTTP")],
)
def test_methods_are_known_or_other(method: str, attribute: str, name: str) -> None:
    assert recorded(method, KNOWN) == attribute
    assert named(attribute) == name
