"""A certificate authority of the tests, and collectors with its certificates."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import NamedTuple

import trustme

from tests.doctor.servers import answering


class Authority(NamedTuple):
    """A certificate authority, its own certificate in a file, and a folder for other files."""

    ca: trustme.CA
    folder: Path

    @property
    def file(self) -> str:
        """Its certificate."""
        path = self.folder / "ca.pem"
        self.ca.cert_pem.write_to_path(str(path))
        return str(path)

    @contextmanager
    def server(self, host: str = "127.0.0.1", expired: bool = False, mutual: bool = False) -> Iterator[int]:
        """The port of a collector with a certificate of this authority."""
        now = datetime.now(timezone.utc)
        until = now - timedelta(days=1) if expired else now + timedelta(days=1)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.ca.issue_cert(host, not_before=now - timedelta(days=9), not_after=until).configure_cert(context)
        if mutual:
            context.verify_mode = ssl.CERT_REQUIRED
            self.ca.configure_trust(context)
        with answering(200, context=context) as server:
            yield server.port

    def client(self) -> dict[str, str]:
        """Settings with a certificate of ours, signed by this authority."""
        issued = self.ca.issue_cert("identity@example.com")
        certificate, key = self.folder / "client.pem", self.folder / "client.key"
        issued.cert_chain_pems[0].write_to_path(str(certificate))
        issued.private_key_pem.write_to_path(str(key))
        return {
            "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE": str(certificate),
            "OTEL_EXPORTER_OTLP_CLIENT_KEY": str(key),
        }
