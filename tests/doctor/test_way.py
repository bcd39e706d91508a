"""How the span gets to the collector: addresses, proxies, credentials."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.doctor.servers import answering
from tests.doctor.support import examine
from tests.receiver import Receiver


def test_the_loopback_is_never_proxied(receiver: Receiver) -> None:
    report = examine(receiver.url, http_proxy="http://127.0.0.1:9", HTTP_PROXY="http://127.0.0.1:9")

    assert report.failed() == []


def test_another_host_is_reached_through_the_proxy() -> None:
    with answering(200) as proxy:
        report = examine("http://collector.invalid:4318", HTTP_PROXY=f"http://ada:hunter2@127.0.0.1:{proxy.port}")

    [(path, headers)] = proxy.asked
    assert report.failed() == []
    assert report["connection/proxy"].detail.startswith(f"127.0.0.1:{proxy.port}, by HTTP_PROXY")
    assert path == "http://collector.invalid:4318/v1/traces"
    assert headers["proxy-authorization"] == "Basic YWRhOmh1bnRlcjI="
    assert "hunter2" not in report.stdout


@pytest.mark.parametrize(
    "proxy, row, cause",
    [
        ("127.0.0.1:9", "TCP", "the proxy 127.0.0.1:9: connection refused"),
        ("proxy.invalid:3128", "name", "proxy.invalid cannot be resolved ("),
    ],
)
def test_a_proxy_that_is_not_there_is_not_taken_for_the_collector(proxy: str, row: str, cause: str) -> None:
    report = examine("http://collector.invalid:4318", HTTP_PROXY=f"http://{proxy}")

    assert report.failed() == [f"connection/{row}"]
    assert report[f"connection/{row}"].detail.startswith(cause)
    assert report[f"connection/{row}"].hint == (
        "correct HTTP_PROXY or ALL_PROXY, or name the collector's host in NO_PROXY"
    )


def test_no_proxy_where_no_proxy_names_the_host() -> None:
    report = examine("http://collector.invalid:4318", HTTP_PROXY="http://127.0.0.1:9", NO_PROXY="collector.invalid")

    assert report.failed() == ["connection/name"]


def test_no_netrc(receiver: Receiver, tmp_path: Path) -> None:
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login ada password hunter2\n")
    with answering(200) as server:
        examine(f"http://127.0.0.1:{server.port}", HOME=str(tmp_path), NETRC=str(tmp_path / ".netrc"))

    assert "authorization" not in server.asked[0][1]


def test_user_name_and_password_of_the_address_are_neither_sent_nor_shown() -> None:
    with answering(401) as server:
        report = examine(f"http://ada:hunter2@127.0.0.1:{server.port}")

    assert "authorization" not in server.asked[0][1]
    assert report["plan/endpoint"].status == "warning"
    assert report["plan/endpoint"].detail.startswith(f"http://127.0.0.1:{server.port}/v1/traces, ")
    assert "a user name and password in the endpoint are not sent" in report["connection/test span"].hint
    assert "hunter" not in report.stdout


@pytest.mark.parametrize(
    "url", ["http://localhost:port", "http://ada:hunter/2@localhost:4318", "ftp://localhost:4318", "http://:4318"]
)
def test_an_address_that_cannot_be_used(url: str) -> None:
    report = examine(url)

    assert report.failed() == ["plan/endpoint", "connection/endpoint"]
    assert report["connection/endpoint"].detail.startswith("OTEL_EXPORTER_OTLP_ENDPOINT is no address such as ")
    assert "write it as http://HOST:PORT; in a user name or password, write / as %2F" in (
        report["connection/endpoint"].hint
    )
    assert "hunter" not in report.stdout


def test_a_header_that_no_request_may_have_is_not_sent_and_said(receiver: Receiver) -> None:
    report = examine(receiver.url, OTEL_EXPORTER_OTLP_HEADERS="x-team=blue%0Awhale,a=b")
    row = report["settings/OTEL_EXPORTER_OTLP_HEADERS"]

    assert report.failed() == ["settings/OTEL_EXPORTER_OTLP_HEADERS"]
    assert row.detail == "(hidden) (from environment): 1 of 2 headers are not legal and not sent"
    assert report.stderr == (
        "platform-trace: OTEL_EXPORTER_OTLP_HEADERS: header 1 is not legal in HTTP, so it is not sent\n"
    )
    assert "whale" not in report.stdout
