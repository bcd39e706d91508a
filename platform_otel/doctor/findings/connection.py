"""What the doctor may say of the way to the collector. Pure data."""

from platform_otel.doctor.checks import FAILED, OFF, OK, WARNING, Finding

_FIREWALL = "a firewall or network policy may drop the packets; or it is another host"
_LOG = "see the collector's log"
_NOT_READY = "the collector, or what stands before it, is overloaded or not ready: see its log, and try again"
_PORTS = "collectors take OTLP over HTTP on port 4318 and over gRPC on 4317"
_PROXY = "correct {variable}, or name the collector's host in NO_PROXY"
_STUCK = "see that the collector runs and is not stuck, and that host and port are its own"

# --- Before the span --------------------------------------------------------------------------------------------------

NOTHING_IS_SENT = Finding(
    "collector",
    OFF,
    "spans are not sent anywhere, so there is nothing to connect to",
    "The exporter is not otlp.",
)
DISABLED = Finding("collector", OFF, "OTEL_SDK_DISABLED=true: nothing is sent", "Tracing is switched off.")
NO_ADDRESS = Finding(
    "endpoint",
    FAILED,
    "{cause}",
    "The endpoint or the proxy cannot be used as it is written ([reasons](messages.md#reasons)).",
    "{advice}",
)
PROXY = Finding("proxy", OK, "{server}, by {variable}", "The collector is reached through this proxy.")
NAME = Finding("name", OK, "{addresses}", "The host's name leads to these addresses, or is an address itself.")
UNKNOWN_NAME = Finding(
    "name",
    FAILED,
    "{cause}",
    "No name server knows the host.",
    "check its spelling; in a container or pod only the names of its own network are known, such as otel-collector or "
    "collector.NAMESPACE.svc",
)
UNKNOWN_PROXY = Finding("name", FAILED, "{cause}", "No name server knows the proxy's host.", _PROXY)
NO_NAME_SERVER = Finding(
    "name",
    FAILED,
    "no name server answers for {host}",
    "The lookup took longer than the five seconds that the doctor has.",
    "see /etc/resolv.conf, and whether a firewall or network policy drops packets to port 53",
)
TCP = Finding("TCP", OK, "{server} takes connections", "Something listens there.")
REFUSED_HERE = Finding(
    "TCP",
    FAILED,
    "{server}: connection refused",
    "Nothing listens on that port of this machine or container.",
    "start the collector, or name where it runs: inside a container localhost is the container itself; " + _PORTS,
)
REFUSED = Finding(
    "TCP",
    FAILED,
    "{server}: connection refused",
    "Nothing listens on that port of that host, or only on its loopback.",
    "see that the collector runs and listens on 0.0.0.0, not only on its own localhost; " + _PORTS,
)
REFUSED_BY_PROXY = Finding(
    "TCP",
    FAILED,
    "the proxy {server}: connection refused",
    "Nothing listens where the variable says that the proxy is.",
    _PROXY,
)
NO_TCP = Finding("TCP", FAILED, "{server} does not answer", "The packets are lost, or the host is down.", _FIREWALL)
TLS = Finding(
    "TLS",
    OK,
    "the collector's certificate is trusted",
    "The connection is secured, and a certificate of ours, if there is one, was not refused at once.",
)
NO_TLS = Finding(
    "TLS",
    FAILED,
    "{server} takes the connection and does not answer",
    "The handshake is not answered: a stuck collector, or a port that speaks something else.",
    _STUCK,
)
STEP_FAILED = Finding(
    "{step}",
    FAILED,
    "{cause}",
    "A step failed for another [reason](messages.md#reasons): of the network, a certificate, or the proxy.",
    "{advice}",
)

# --- The span ---------------------------------------------------------------------------------------------------------

SENT = Finding("test span", OK, "sent and acknowledged, trace {trace}", "Spans of the service will arrive, too.")
NOT_SENT = Finding(
    "test span",
    OFF,
    "not sent, as gRPC is not installed beside platform-trace",
    "The service has grpcio, and the environment that the doctor itself runs in has not.",
    'to send one: pip install "platform-otel[grpc]"',
)
WARNED = Finding(
    "test span",
    WARNING,
    "acknowledged with a warning: {said}",
    "The collector took the span, and has something to say.",
    "do what it asks for",
)
REJECTED = Finding(
    "test span",
    FAILED,
    "the collector rejects the span (partial success): {said}",
    "It took the request and left out the span.",
    _LOG,
)
NO_ANSWER = Finding(
    "test span",
    FAILED,
    "the collector takes the connection and does not answer within {seconds} s, which is all that the settings allow",
    "OTEL_EXPORTER_OTLP_TIMEOUT or OTEL_BSP_EXPORT_TIMEOUT says so. It is slower or stuck, or what listens speaks "
    "something else.",
    _STUCK,
)
NO_ANSWER_YET = Finding(
    "test span",
    FAILED,
    "the collector takes the connection and does not answer within {seconds} s; the service would wait {service}",
    "It is slow or stuck, or what listens there speaks something else. The doctor waits no longer.",
    _STUCK,
)
TLS_IS_SPOKEN = Finding(
    "test span",
    FAILED,
    "TLS is spoken there, and the endpoint says http://",
    "The request in plain text was not answered, and a TLS handshake is.",
    "write https:// in the endpoint",
)
DENIED = Finding(
    "test span",
    FAILED,
    "{cause}",
    "401, 403, UNAUTHENTICATED or PERMISSION_DENIED: the collector wants to know who sends.",
    "no header was sent: set OTEL_EXPORTER_OTLP_HEADERS, such as authorization=Bearer%20TOKEN{user}",
)
DENIED_WITH_HEADERS = Finding(
    "test span",
    FAILED,
    "{cause}",
    "The same, and headers were sent.",
    "sent were the headers {headers}: see whether their values are right, or set OTEL_EXPORTER_OTLP_HEADERS, such as "
    "authorization=Bearer%20TOKEN{user}",
)
NOT_READY = Finding(
    "test span",
    FAILED,
    "{cause}",
    "429, 502, 503, 504, UNAVAILABLE or RESOURCE_EXHAUSTED: it may take spans later. A service sends them again.",
    _NOT_READY,
)
ANOTHER_SERVER = Finding(
    "test span",
    FAILED,
    "{cause}",
    "UNIMPLEMENTED: a gRPC server that takes no traces.",
    "another gRPC server listens there: correct host and port; " + _PORTS,
)
PATH_TWICE = Finding(
    "test span",
    FAILED,
    "{cause}",
    "404 or 405, and the endpoint ends with /v1/traces, which is added to it once more.",
    "write OTEL_EXPORTER_OTLP_ENDPOINT without /v1/traces",
)
NOT_TAKEN = Finding(
    "test span",
    FAILED,
    "{cause}",
    "The answer is no success, for one of these [reasons](messages.md#reasons).",
    "{advice}",
)
NOT_TAKEN_WITHOUT_ADVICE = Finding(
    "test span",
    FAILED,
    "{cause}",
    "The same, where the answer itself says no more.",
    f"{_LOG}; {_PORTS}",
)
