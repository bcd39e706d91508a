"""No secret that a service handles is in anything that we export or print."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from tests.faults import Collector, healthy
from tests.support import LAUNCHER, Service

EVERY_SECRET = re.compile(rb"SECRET\d\d")
NETRC = "machine 127.0.0.1 login me password SECRET21\n"
INBOUND = {
    "Authorization": "Bearer SECRET22",
    "Proxy-Authorization": "Basic SECRET23",
    "Cookie": "sessionid=SECRET24",
    "X-Api-Key": "SECRET25",
    "X-Forwarded-Authorization": "SECRET26",
}
IN_THE_QUERY = "&".join(
    f"{name}=SECRET{number}"
    for number, name in enumerate(("token", "password", "apikey", "secret", "X-Goog-Signature", "AWSAccessKeyId"), 27)
)
ENVIRONMENT = {
    "DATABASE_URL": "postgresql://app:SECRET33@db/orders",
    "AWS_SECRET_ACCESS_KEY": "SECRET34",
    "PGPASSWORD": "SECRET35",
    "OTEL_EXPORTER_OTLP_HEADERS": "authorization=Bearer SECRET36,x-team=SECRET37",
}
BAD_VALUES = {
    "OTEL_EXPORTER_OTLP_TIMEOUT": "password=SECRET38",
    "OTEL_TRACES_SAMPLER": "https://me:SECRET39@config.example",
    "OTEL_PROPAGATORS": "tracecontext,Bearer SECRET40",
}


@pytest.mark.parametrize("level", ["warn", "debug"])
def test_forty_planted_secrets_are_in_no_exported_byte_and_in_no_line(level: str, tmp_path: Path) -> None:
    (tmp_path / ".netrc").write_text(NETRC)
    (tmp_path / ".netrc").chmod(0o600)
    with Collector(healthy) as backend, Collector(healthy) as collector:
        service = Service(
            *(LAUNCHER, "--", sys.executable, "secretive_service.py", "{port}", "--db-password=SECRET41"),
            BACKEND=backend.url,
            HOME=str(tmp_path),
            OTEL_LOG_LEVEL=level,
            OTEL_EXPORTER_OTLP_ENDPOINT=collector.url.replace("http://", "http://me:SECRET42@") + "?key=SECRET43",
            PLATFORM_TRACE_STRICT=None,
            **ENVIRONMENT,
            **BAD_VALUES,
        )
        with service:
            for path in ("/calls", "/refused", "/fails", "/own"):
                service.get(f"{path}?{IN_THE_QUERY}", **INBOUND)
            said = service.stop()
        sent = b"".join(request.body for request in collector.requests)

    ours = "\n".join(line for line in said.splitlines() if line.startswith("platform-trace: "))
    assert sent.count(b"/calls") >= 1
    assert sent.count(b"REDACTED") >= 20
    assert EVERY_SECRET.findall(sent) == []
    assert EVERY_SECRET.findall(ours.encode()) == []
