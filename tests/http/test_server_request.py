"""From requests to attributes."""

from typing import Any

import pytest

from platform_otel.http.server_request import (
    asgi_attributes,
    asgi_headers,
    ignored_context,
    shown_query,
    websocket_attributes,
    wsgi_attributes,
    wsgi_path,
)

METHODS = frozenset({"GET", "POST"})
SCOPE: dict[str, Any] = {"type": "http", "method": "GET", "path": "/x", "headers": [], "server": ("10.0.0.1", 8000)}
ENVIRON = {"REQUEST_METHOD": "GET", "PATH_INFO": "/x", "SERVER_NAME": "10.0.0.1", "SERVER_PORT": "8000"}


@pytest.mark.parametrize(
    "host, scheme, address, port",
    [
        ("service:8080", "http", "service", 8080),
        ("service", "https", "service", 443),
        ("service", "http", "service", 80),
        ("[::1]:8080", "http", "::1", 8080),
        ("[::1]", "https", "::1", 443),
        ("user:secret@service:81", "http", "service", 81),
        ("service:port", "http", "service", 80),
    ],
)
def test_the_server_is_as_the_client_addressed_it(host: str, scheme: str, address: str, port: int) -> None:
    asgi = asgi_attributes({**SCOPE, "scheme": scheme}, {"host": host}, METHODS)
    wsgi = wsgi_attributes({**ENVIRON, "HTTP_HOST": host, "wsgi.url_scheme": scheme}, METHODS)

    assert (asgi["server.address"], asgi["server.port"]) == (address, port)
    assert (wsgi["server.address"], wsgi["server.port"]) == (address, port)


def test_without_a_host_it_is_as_it_is_bound() -> None:
    for attributes in (asgi_attributes(SCOPE, {}, METHODS), wsgi_attributes(ENVIRON, METHODS)):
        assert (attributes["server.address"], attributes["server.port"]) == ("10.0.0.1", 8000)


def test_a_server_on_a_unix_socket_has_no_port() -> None:
    attributes = asgi_attributes({**SCOPE, "server": ("/run/service.sock", None)}, {}, METHODS)

    assert attributes["server.address"] == "/run/service.sock"
    assert "server.port" not in attributes


def test_a_path_of_wsgi_is_utf_8_with_the_root_before_it() -> None:
    assert wsgi_path({"SCRIPT_NAME": "/api", "PATH_INFO": "/caf\xc3\xa9"}) == "/api/café"
    assert wsgi_path({}) == "/"


@pytest.mark.parametrize(
    "path, shown",
    [
        ("/a;jsessionid=s3cret", "/a;jsessionid=REDACTED"),
        ("/to/http://user:s3cret@host/x", "/to/http://REDACTED:REDACTED@host/x"),
        ("/a=b/@c", "/a=b/@c"),
    ],
)
def test_secrets_in_a_path_are_not_shown(path: str, shown: str) -> None:
    asgi = asgi_attributes({**SCOPE, "path": path}, {}, METHODS)
    websocket = websocket_attributes({**SCOPE, "path": path}, {})
    wsgi = wsgi_attributes({**ENVIRON, "PATH_INFO": path}, METHODS)

    assert [attributes["url.path"] for attributes in (asgi, websocket, wsgi)] == [shown] * 3


@pytest.mark.parametrize(
    "query, shown",
    [
        ("a=1&token=x", "a=1&token=REDACTED"),
        ("plain", "plain"),
        ("a=1", "a=1"),
        ("sig=x", "sig=REDACTED"),
        ("u=http://user:s3cret@host/", "u=http://REDACTED:REDACTED@host/"),
        ("http://user:s3cret@host/", "http://REDACTED:REDACTED@host/"),
    ],
)
def test_secrets_in_a_query_are_not_shown(query: str, shown: str) -> None:
    assert shown_query(query) == shown


def test_a_header_that_comes_twice_has_two_values() -> None:
    raw = [(b"traceparent", b"1"), (b"accept", b"*"), (b"traceparent", b"2"), (b"traceparent", b"3"), (b"host", b"a")]

    assert asgi_headers(raw) == {"traceparent": ["1", "2", "3"], "host": "a"}


def test_ignored_context_is_named_in_one_attribute() -> None:
    assert ignored_context({"host": "a"}) == ""
    assert ignored_context({"sentry-trace": "1", "b3": "0", "traceparent": "x"}) == "traceparent,b3,sentry-trace"
