"""Three services that speak mutual TLS with each other are one unbroken trace."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import ExitStack
from http.client import HTTPSConnection
from pathlib import Path

import pytest

from tests.faults import Authority
from tests.receiver import ReceivedSpan, Receiver
from tests.support import LAUNCHER, NOT_SAMPLED, PATIENCE, Service, exporting_to, received

NAMES = ["gate", "identity", "prompts"]


class SecureService(Service):
    """A service that wants to see a certificate of whoever calls it."""

    def __init__(self, name: str, next_url: str, files: dict[str, str], **variables: str) -> None:
        self._files = files
        super().__init__(
            *[LAUNCHER, "--service-name", name, "--", "uvicorn", "secure_service:app", "--port", "{port}"],
            *["--ssl-keyfile", files["KEY"], "--ssl-certfile", files["CERTIFICATE"]],
            *["--ssl-ca-certs", files["AUTHORITY"], "--ssl-cert-reqs", str(int(ssl.CERT_REQUIRED))],
            **{"NEXT": next_url, **files, **variables},
        )

    def get(self, path: str, **headers: str) -> tuple[int, str]:
        """As one of the services would."""
        secure = ssl.create_default_context(cafile=self._files["AUTHORITY"])
        secure.load_cert_chain(self._files["CERTIFICATE"], self._files["KEY"])
        connection = HTTPSConnection("localhost", self.port, timeout=PATIENCE, context=secure)
        try:
            connection.request("GET", path, headers=headers)
            response = connection.getresponse()
            return response.status, response.read().decode()
        finally:
            connection.close()


@pytest.fixture(scope="module")
def chain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Service, Receiver]]:
    folder: Path = tmp_path_factory.mktemp("certificates")
    authority = Authority(folder)
    issued = authority.issue("localhost")
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    issued.private_key_pem.write_to_path(str(key))
    issued.cert_chain_pems[0].write_to_path(str(certificate))
    files = {"KEY": str(key), "CERTIFICATE": str(certificate), "AUTHORITY": authority.certificate}
    with ExitStack() as stack:
        receiver = stack.enter_context(Receiver())
        url = ""
        for name in reversed(NAMES):
            service = stack.enter_context(SecureService(name, url, files, **exporting_to(receiver)))
            url = f"https://localhost:{service.port}"
        yield service, receiver


@pytest.mark.parametrize("library", ["requests", "httpx", "async-httpx"])
def test_a_request_through_three_services_is_one_unbroken_trace(chain: tuple[Service, Receiver], library: str) -> None:
    gate, receiver = chain
    assert gate.get("/__is_it_up__", traceparent=NOT_SAMPLED)[0] == 404
    assert gate.get(f"/{library}") == (200, "3"), gate.output()

    def is_of_this_call(span: ReceivedSpan) -> bool:
        address = span.attributes.get("url.path", span.attributes.get("url.full"))
        return str(address).rpartition("/")[2] == library

    spans = sorted(received(receiver, 5, is_of_this_call), key=lambda span: span.start)
    parents = [None, *spans[:-1]]

    assert [(span.service, span.kind) for span in spans] == [
        ("gate", "server"),
        ("gate", "client"),
        ("identity", "server"),
        ("identity", "client"),
        ("prompts", "server"),
    ]
    assert [span.parent_id for span in spans] == [parent.span_id if parent else "" for parent in parents]
    assert len({span.trace_id for span in spans}) == 1
