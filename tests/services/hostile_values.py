"""Gives 40 hostile values to the tracing API, each in a span among good ones, and says what it saw."""

import collections
import decimal
import sys
import threading
import types
import weakref
from typing import Any

from opentelemetry import trace
from opentelemetry.trace import Link, Status, StatusCode

TRACER = trace.get_tracer("hostile")


def raising(*names: str, error: type[BaseException] = ValueError) -> object:
    """An object whose methods of these names raise."""

    def method(*_args: object, **_kwargs: object) -> object:
        raise error("hostile")

    return type("Hostile", (), dict.fromkeys(names, method))()


def lying(base: type, **methods: object) -> object:
    """An instance of a subclass of a plain type whose methods are these."""
    return type("Lying", (base,), methods)()


def endless_list() -> list[object]:
    loop: list[object] = [1]
    loop.append(loop)
    return loop


def endless_dict() -> dict[str, object]:
    loop: dict[str, object] = {}
    loop["me"] = loop
    return loop


def deep(levels: int) -> object:
    value: object = 1
    for _ in range(levels):
        value = [value]
    return value


def generator() -> object:
    yield 1


def closed_file() -> object:
    with open(__file__, encoding="utf-8") as file:
        return file


def dead_proxy() -> object:
    class Gone:
        pass

    return weakref.proxy(Gone())


class Everything:
    """Raises whatever is asked of it."""

    def __getattribute__(self, name: str) -> object:
        raise ValueError(name)


class Slow(str):
    """A text that raises when it is encoded."""

    __slots__ = ()

    def encode(self, *_: object) -> bytes:
        raise MemoryError("no")


VALUES: list[Any] = [
    raising("__str__", "__repr__"),
    raising("__str__", "__repr__", error=RecursionError),
    raising("__str__", "__repr__", error=SystemExit),
    raising("__len__"),
    raising("__hash__", "__eq__"),
    raising("__iter__"),
    raising("__bool__"),
    raising("__getattr__"),
    raising("__index__", "__int__", "__float__"),
    Everything(),
    Slow("text"),
    lying(int, __str__=lambda self: 5, __format__=lambda self, spec: 5),
    lying(float, __float__=lambda self: 1 / 0),
    lying(list, __iter__=lambda self: 1 / 0, __len__=lambda self: -1),
    lying(dict, items=lambda self: 1 / 0, __iter__=lambda self: 1 / 0),
    lying(tuple, __len__=lambda self: 10**9),
    lying(bytes, __len__=lambda self: 10**9),
    endless_list(),
    endless_dict(),
    deep(100_000),
    "\ud800 lone",
    "\x00\x01\x1b[31m",
    "x" * 10_000_000,
    b"\xff" * 1_000_000,
    2**70,
    -(2**63) - 1,
    10**5000,
    float("nan"),
    float("inf"),
    decimal.Decimal("sNaN"),
    [1, "two", 3.0, None, b"\xff"],
    [[1, [2]], {"a": (1,)}],
    {1: 2, None: 3, (1,): "x"},
    collections.UserDict(a=1),
    collections.deque(maxlen=0),
    types.SimpleNamespace(a=1),
    threading.Lock(),
    generator(),
    closed_file(),
    dead_proxy(),
    object,
    sys.modules[__name__],
    NotImplemented,
]


class Untellable(Exception):
    """An exception that cannot be printed."""

    def __str__(self) -> str:
        raise ValueError("hostile")

    __repr__ = __str__


def give(value: Any, number: int) -> None:
    """Give the value wherever the API takes one."""
    with TRACER.start_as_current_span(f"bad {number}", attributes={"good": number, "start": value}) as span:
        span.set_attribute("value", value)
        span.set_attribute("values", [value, value])
        span.set_attributes({"more": value, "after": "good"})
        span.add_event("event", {"value": value})
        span.add_event(value)
        span.add_link(span.get_span_context(), {"value": value})
        span.set_status(Status(StatusCode.ERROR, value if type(value) is str else None))
        span.record_exception(Untellable(value), {"value": value})
        span.update_name(value)
        span.update_name(f"bad {number}")
    TRACER.start_span(value, attributes=value, links=[Link(span.get_span_context(), {"value": value})]).end()
    with TRACER.start_as_current_span(f"good {number}") as good:
        good.set_attribute("number", number)


def main() -> None:
    """Give every value, then check that an exception of our own keeps its identity."""
    for number, value in enumerate(VALUES):
        give(value, number)
    own = Untellable()
    try:
        with TRACER.start_as_current_span("raises"):
            raise own
    except Untellable as caught:
        print(caught is own, len(VALUES))


main()
