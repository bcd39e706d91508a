"""TLS and mutual TLS, and why they are refused."""

from __future__ import annotations

from pathlib import Path

import pytest
import trustme

from tests.doctor.authority import Authority
from tests.doctor.servers import grpc_server
from tests.doctor.support import examine


def test_tls_with_the_authority_named(authority: Authority) -> None:
    with authority.server() as port:
        report = examine(f"https://127.0.0.1:{port}", OTEL_EXPORTER_OTLP_CERTIFICATE=authority.file)

    assert report.failed() == []
    assert report["connection/TLS"].detail == "the collector's certificate is trusted"


def test_the_certificate_for_otlp_wins_over_those_of_all_programs(authority: Authority) -> None:
    with authority.server() as port:
        report = examine(
            f"https://127.0.0.1:{port}",
            OTEL_EXPORTER_OTLP_CERTIFICATE=authority.file,
            REQUESTS_CA_BUNDLE=str(authority.folder / "nothing.pem"),
        )

    assert report.failed() == []


@pytest.mark.parametrize(
    "server, trusted, cause, next_step",
    [
        ({}, False, "(unable to get local issuer certificate)", "set OTEL_EXPORTER_OTLP_CERTIFICATE to the file"),
        ({"host": "collector.example"}, True, "is not valid for '127.0.0.1'", "correct the host in"),
        ({"expired": True}, True, "(certificate has expired)", "renew it"),
        ({"mutual": True}, True, "certificate required", "the collector asks for a certificate of ours: set OTEL_"),
    ],
    ids=["unknown CA", "wrong host", "expired", "mutual TLS"],
)
def test_tls_that_is_refused(
    authority: Authority, server: dict[str, str | bool], trusted: bool, cause: str, next_step: str
) -> None:
    certificate = authority.file if trusted else None
    with authority.server(**server) as port:  # type: ignore[arg-type]  # a table of keyword arguments
        report = examine(f"https://127.0.0.1:{port}", OTEL_EXPORTER_OTLP_CERTIFICATE=certificate)

    [failed] = report.failed()
    assert report.exit_code == 1
    assert cause in report[failed].detail
    assert next_step in report[failed].hint


def test_another_authority_named(authority: Authority, tmp_path: Path) -> None:
    other = tmp_path / "other.pem"
    trustme.CA().cert_pem.write_to_path(str(other))
    with authority.server() as port:
        report = examine(f"https://127.0.0.1:{port}", OTEL_EXPORTER_OTLP_CERTIFICATE=str(other))

    assert "(unable to get local issuer certificate)" in report["connection/TLS"].detail
    assert "set OTEL_EXPORTER_OTLP_CERTIFICATE to the file with its authority" in report["connection/TLS"].hint


def test_mutual_tls(authority: Authority) -> None:
    with authority.server(mutual=True) as port:
        trusting = {"OTEL_EXPORTER_OTLP_CERTIFICATE": authority.file}
        report = examine(f"https://127.0.0.1:{port}", **trusting, **authority.client())

    assert report.failed() == []


def test_a_client_certificate_that_the_collector_does_not_trust(authority: Authority, tmp_path: Path) -> None:
    stranger = Authority(trustme.CA(), tmp_path)
    with authority.server(mutual=True) as port:
        trusting = {"OTEL_EXPORTER_OTLP_CERTIFICATE": authority.file}
        report = examine(f"https://127.0.0.1:{port}", **trusting, **stranger.client())

    [failed] = report.failed()
    assert "the collector does not accept our certificate" in report[failed].hint


@pytest.mark.parametrize("setting", ["OTEL_EXPORTER_OTLP_CERTIFICATE", "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE"])
def test_a_file_that_is_no_certificate(authority: Authority, setting: str) -> None:
    path = authority.folder / "file.pem"
    path.write_text("not PEM")
    with authority.server() as port:
        report = examine(f"https://127.0.0.1:{port}", **{setting: str(path)})

    assert report.failed() == ["connection/TLS"]
    assert setting in report["connection/TLS"].detail
    assert report["connection/TLS"].detail.endswith(" (not in PEM format)")
    assert report["connection/TLS"].hint == "correct the path or the file: PEM, which begins -----BEGIN"


def test_a_key_of_another_certificate(authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> None:
    stranger = Authority(trustme.CA(), tmp_path_factory.mktemp("stranger"))
    key = {"OTEL_EXPORTER_OTLP_CLIENT_KEY": stranger.client()["OTEL_EXPORTER_OTLP_CLIENT_KEY"]}
    variables = {**authority.client(), **key}
    with authority.server() as port:
        report = examine(f"https://127.0.0.1:{port}", **variables)

    assert report["connection/TLS"].detail.endswith(" (the key does not belong to the certificate)")
    assert report["connection/TLS"].hint == "give the key and the certificate that were issued together"


def test_a_certificate_file_that_is_not_there(authority: Authority) -> None:
    with authority.server() as port:
        report = examine(f"https://127.0.0.1:{port}", OTEL_EXPORTER_OTLP_CERTIFICATE="/nowhere/ca.pem")

    assert report.failed() == ["settings/OTEL_EXPORTER_OTLP_CERTIFICATE", "connection/TLS"]
    assert "no such file" in report["settings/OTEL_EXPORTER_OTLP_CERTIFICATE"].detail


def test_grpc_over_tls(authority: Authority) -> None:
    import grpc

    issued = authority.ca.issue_cert("localhost", "127.0.0.1")
    pair = (issued.private_key_pem.bytes(), issued.cert_chain_pems[0].bytes())
    with grpc_server(credentials=grpc.ssl_server_credentials([pair])) as server:
        # Without a scheme gRPC means TLS.
        for url in (f"https://127.0.0.1:{server.port}", f"127.0.0.1:{server.port}"):
            report = examine(url, OTEL_EXPORTER_OTLP_PROTOCOL="grpc", OTEL_EXPORTER_OTLP_CERTIFICATE=authority.file)

            assert report.failed() == []
        # As for the exporter, what OpenSSL reads wins over what requests reads.
        bundles = {"SSL_CERT_FILE": authority.file, "REQUESTS_CA_BUNDLE": str(authority.folder / "nothing.pem")}
        by_bundle = examine(f"https://127.0.0.1:{server.port}", OTEL_EXPORTER_OTLP_PROTOCOL="grpc", **bundles)
        untrusted = examine(f"https://127.0.0.1:{server.port}", OTEL_EXPORTER_OTLP_PROTOCOL="grpc")

    assert by_bundle.failed() == []
    assert "(unable to get local issuer certificate)" in untrusted["connection/TLS"].detail
