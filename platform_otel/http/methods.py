"""HTTP methods as spans say them.

Source: https://opentelemetry.io/docs/specs/semconv/http/http-spans/
"""

OTHER = "_OTHER"


def recorded(method: str, known: frozenset[str]) -> str:
    """The value of http.request.method: a known method, in upper case, or _OTHER.

    Whoever records another text than the request had says that one in http.request.method_original.
    """
    if method in known:
        return method
    upper = method.upper()
    return upper if upper in known else OTHER


def named(method: str) -> str:
    """What a span's name says of a recorded method."""
    return "HTTP" if method == OTHER else method
