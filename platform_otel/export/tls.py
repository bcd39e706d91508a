"""TLS by the user's certificates: the context for it, and what its failures mean. No sockets."""

import os
import ssl
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from platform_otel.export.outcome import Reason, Refusal

CERTIFICATE = "OTEL_EXPORTER_OTLP_CERTIFICATE"
CLIENT_CERTIFICATE = "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE"
CLIENT_KEY = "OTEL_EXPORTER_OTLP_CLIENT_KEY"

_READ_BY_OPENSSL = ("SSL_CERT_FILE", "SSL_CERT_DIR")
_BUNDLES = (*_READ_BY_OPENSSL, "REQUESTS_CA_BUNDLE")


class Spoken(NamedTuple):
    """What TLS depends on by what is spoken over it.

    Args:
        protocols: what is offered by ALPN.
        bundles: variables that name authorities where OTEL_EXPORTER_OTLP_CERTIFICATE does not, the first that is set.
    """

    protocols: tuple[str, ...]
    bundles: tuple[str, ...]


HTTP = Spoken(("http/1.1",), _BUNDLES)
# gRPC's own variable for authorities is the first.
GRPC = Spoken(("h2",), ("GRPC_DEFAULT_SSL_ROOTS_FILE_PATH", *_BUNDLES))


class Certificates(NamedTuple):
    """Paths of PEM files; "" where there is none.

    Args:
        certificate: the authorities that the collector's certificate is checked against.
        client_key: our private key, without a passphrase.
        client_certificate: our certificate, for mutual TLS; it may hold the key, too.
    """

    certificate: str = ""
    client_key: str = ""
    client_certificate: str = ""


def client_context(certificates: Certificates, environ: Mapping[str, str], spoken: Spoken) -> ssl.SSLContext:
    """What a connection to the collector is secured by. Read anew for each, since certificates are replaced.

    Args:
        certificates: the user's.
        environ: the environment.
        spoken: HTTP or GRPC.

    Raises:
        Refusal: if a file cannot be used: no connection is better than one that is not checked.
    """
    context = _context(*_authorities(certificates.certificate, environ, spoken.bundles))
    context.set_alpn_protocols(list(spoken.protocols))
    if certificates.client_certificate or certificates.client_key:
        _load_our_certificate(context, certificates)
    return context


def _authorities(certificate: str, environ: Mapping[str, str], bundles: Sequence[str]) -> tuple[str, str]:
    """The variable that names the authorities, and their file; ("", "") for the system's."""
    if certificate:
        return CERTIFICATE, certificate
    name = next((name for name in bundles if environ.get(name)), "")
    if name in _READ_BY_OPENSSL:
        return "", ""
    return (name, environ[name]) if name else _certifi()


def _certifi() -> tuple[str, str]:
    """The authorities of requests and httpx, if the system has none: Python from python.org on macOS."""
    paths = ssl.get_default_verify_paths()
    if paths.cafile is None and paths.capath is None:
        try:
            from certifi import where
        except ImportError:
            return "", ""
        return "certifi", where()
    return "", ""


def _context(variable: str, path: str) -> ssl.SSLContext:
    try:
        # A directory is what requests takes, too; the specification's variable names a file.
        if path and variable != CERTIFICATE and os.path.isdir(path):
            return ssl.create_default_context(capath=path)
        return ssl.create_default_context(cafile=path or None)
    except (OSError, ValueError) as error:  # ssl.SSLError is an OSError; a path may hold a null byte
        cause = f"no certificate can be read from the file in {variable or 'SSL_CERT_FILE'} ({_why(error)})"
        raise Refusal(cause, _CORRECT_THE_FILE) from None


class _Passphrase(Exception):
    """OpenSSL asks for one. It would ask on the terminal, and the service would hang."""


def _load_our_certificate(context: ssl.SSLContext, certificates: Certificates) -> None:
    if not certificates.client_certificate:
        raise Refusal(f"{CLIENT_KEY} is set without {CLIENT_CERTIFICATE}", "set both")
    try:
        context.load_cert_chain(certificates.client_certificate, certificates.client_key or None, _no_passphrase)
    except _Passphrase:
        raise Refusal(f"the key in {CLIENT_KEY} has a passphrase", "give one without") from None
    except (OSError, ValueError) as error:
        cause = f"{CLIENT_CERTIFICATE} and {CLIENT_KEY} cannot be used ({_why(error)})"
        raise Refusal(cause, _CORRECT_THE_PAIR if _is_no_pair(error) else _CORRECT_THE_FILE) from None


def _no_passphrase() -> str:
    raise _Passphrase


_CORRECT_THE_FILE = "correct the path or the file: PEM, which begins -----BEGIN"
_CORRECT_THE_PAIR = "give the key and the certificate that were issued together"


def _is_no_pair(error: Exception) -> bool:
    return isinstance(error, ssl.SSLError) and error.reason == "KEY_VALUES_MISMATCH"


def _why(error: Exception) -> str:
    if isinstance(error, ssl.SSLError):
        return "the key does not belong to the certificate" if _is_no_pair(error) else "not in PEM format"
    return (error.strerror if isinstance(error, OSError) else None) or "not a path"


# --- What failures mean -----------------------------------------------------------------------------------------------

# X509_V_ERR_* of OpenSSL's x509_vfy.h.
CHECKS = {
    9: "its validity has not begun: compare the clocks of both machines",
    10: "renew it",
    18: f"set {CERTIFICATE} to the file with its authority's certificate",
    19: f"set {CERTIFICATE} to the file with its authority's certificate",
    20: f"set {CERTIFICATE} to the file with its authority's certificate",
    21: f"set {CERTIFICATE} to the file with its authority's certificate",
    62: "correct the host in OTEL_EXPORTER_OTLP_ENDPOINT",
    64: "correct the host in OTEL_EXPORTER_OTLP_ENDPOINT",
}
_NO_TLS = "no TLS is spoken there: use http:// in OTEL_EXPORTER_OTLP_ENDPOINT, or another port"
_OURS_MISSING = f"the collector asks for a certificate of ours: set {CLIENT_CERTIFICATE} and {CLIENT_KEY}"
_OURS_REFUSED = f"the collector does not accept our certificate: check {CLIENT_CERTIFICATE}"
_NO_PROTOCOL = "the port speaks another protocol: check the port and OTEL_EXPORTER_OTLP_PROTOCOL"

# Parts of OpenSSL's reasons, which differ between its releases: SSLV3_ALERT_..., TLSV1_ALERT_..., TLSV13_ALERT_...
REASONS = {
    "CERTIFICATE_REQUIRED": _OURS_MISSING,
    "HANDSHAKE_FAILURE": _OURS_MISSING,
    "UNKNOWN_CA": _OURS_REFUSED,
    "BAD_CERTIFICATE": _OURS_REFUSED,
    "CERTIFICATE_EXPIRED": _OURS_REFUSED,
    "CERTIFICATE_REVOKED": _OURS_REFUSED,
    "CERTIFICATE_UNKNOWN": _OURS_REFUSED,
    "NO_APPLICATION_PROTOCOL": _NO_PROTOCOL,
    "WRONG_VERSION_NUMBER": _NO_TLS,
    "RECORD_LAYER_FAILURE": _NO_TLS,
    "HTTP_REQUEST": _NO_TLS,
    "PACKET_LENGTH_TOO_LONG": _NO_TLS,
    "UNKNOWN_PROTOCOL": _NO_TLS,
}


def explained(error: ssl.SSLError) -> Reason:
    """Which check failed, and what to do."""
    if isinstance(error, ssl.SSLCertVerificationError):
        failed = (error.verify_message or "not valid").rstrip(".")
        advice = CHECKS.get(error.verify_code, "replace it")
        return Reason(f"the collector's certificate failed a check ({failed})", advice)
    reason = (error.reason or "unknown reason").upper()
    advice = next((text for part, text in REASONS.items() if part in reason), "check its TLS settings and ours")
    return Reason(f"TLS failed ({reason.lower().replace('_', ' ')})", advice)
