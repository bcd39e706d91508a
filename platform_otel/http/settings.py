"""What users set about HTTP, for one library."""

from platform_otel.config import Config
from platform_otel.http.exclusion import HEALTH_CHECKS, Exclusion
from platform_otel.http.headers import Capture, capture

_CAPTURE = "OTEL_INSTRUMENTATION_HTTP_CAPTURE_HEADERS_"
_EXCLUDED = "OTEL_PYTHON_EXCLUDED_URLS"


class HttpSettings:
    """The settings of the clients or of the servers of one library.

    Args:
        methods: those that are recorded as they are.
        excluded: what makes no spans.
        request_headers: which headers of requests are recorded; None if none is.
        response_headers: the same for responses.
        measures: whether metrics are asked for.
    """

    __slots__ = ("excluded", "measures", "methods", "request_headers", "response_headers")

    def __init__(
        self,
        methods: frozenset[str],
        excluded: Exclusion,
        request_headers: Capture | None,
        response_headers: Capture | None,
        measures: bool,
    ) -> None:
        self.methods = methods
        self.excluded = excluded
        self.request_headers = request_headers
        self.response_headers = response_headers
        self.measures = measures


def server_settings(config: Config, library: str) -> HttpSettings:
    """The settings of a server framework: "fastapi", "starlette", "flask", "asgi", "wsgi"."""
    own = f"OTEL_PYTHON_{library.upper()}_EXCLUDED_URLS"
    unset = not (config.is_set(own) or config.is_set(_EXCLUDED))
    return _settings(config, own, "SERVER", HEALTH_CHECKS if unset else frozenset())


def client_settings(config: Config, library: str) -> HttpSettings:
    """The settings of a client: "requests", "urllib", "urllib3", "httpx"."""
    return _settings(config, f"OTEL_PYTHON_{library.upper()}_EXCLUDED_URLS", "CLIENT", frozenset())


def _settings(config: Config, own: str, side: str, paths: frozenset[str]) -> HttpSettings:
    patterns = config.get(own, _EXCLUDED) if config.is_set(own) else config.get(_EXCLUDED)
    sanitized = config.get(f"{_CAPTURE}SANITIZE_FIELDS")
    return HttpSettings(
        methods=frozenset(config.get("OTEL_INSTRUMENTATION_HTTP_KNOWN_METHODS")),
        excluded=Exclusion(paths, patterns),
        request_headers=capture("http.request.header.", config.get(f"{_CAPTURE}{side}_REQUEST"), sanitized),
        response_headers=capture("http.response.header.", config.get(f"{_CAPTURE}{side}_RESPONSE"), sanitized),
        measures=any(name.lower() != "none" for name in config.get("OTEL_METRICS_EXPORTER")),
    )
