"""OTLP bytes from spans. No sockets, no threads.

Written by hand because generated message classes cost ten times as much per span (see benchmarks/): the
bytes are those of opentelemetry-proto's trace.proto; each tag byte is (field number << 3) | wire type.

Source: https://github.com/open-telemetry/opentelemetry-proto/blob/main/opentelemetry/proto/trace/v1/trace.proto
"""

from collections.abc import Iterable, Mapping, Sequence
from struct import Struct
from struct import error as StructError  # noqa: N812  # the module names it in lower case
from typing import TYPE_CHECKING, Any

from opentelemetry.trace import DEFAULT_TRACE_STATE, SpanKind

from platform_otel.instrumentation.span_context import UNPACKED, parts_of
from platform_otel.process.guard import BY_A_VALUE, as_text, is_the_services

if TYPE_CHECKING:
    from opentelemetry.trace import SpanContext, Status

_double = Struct("<d").pack
_fixed32 = Struct("<I").pack
_fixed64 = Struct("<Q").pack
# Fields that always come together, each with its tag: kind, start and end (6, 7, 8); flags (16).
_kind_start_end = Struct("<BBBQBQ").pack
_flags = Struct("<HI").pack

_EMPTY_STATUS = b"\x7a\x00"
# SPAN_FLAGS_CONTEXT_HAS_IS_REMOTE and SPAN_FLAGS_CONTEXT_IS_REMOTE: whether the parent was in another process.
_KNOWN_REMOTE = 0x100
_IS_REMOTE = 0x200

# The varints that nearly all lengths are, so that no function is called for them.
_SMALL = [bytes([number]) for number in range(128)] + [
    bytes([number & 0x7F | 0x80, number >> 7]) for number in range(128, 2048)
]
_SMALL_ONES = len(_SMALL)

_TRUE = b"\x12\x02\x10\x01"
_FALSE = b"\x12\x02\x10\x00"

# Attributes repeat: the method, the route, the status code. What was encoded once is kept, up to a bound.
_KEPT = 4096
_KEPT_LENGTH = 128
_keys: dict[str, bytes] = {}
_names: dict[str, bytes] = {}
_Kept = dict[tuple[str, Any], bytes]  # by key and value
_texts: _Kept = {}
_integers: _Kept = {}


def encode_span(
    span: Any,
    values: Mapping[str, Any],
    events: Sequence[Any],
    links: Sequence[Any],
    longest: int | None,
    longest_in_events: int | None,
) -> bytes:
    """A finished span as a field ``spans`` of ScopeSpans, tag and length included.

    Args:
        span: whatever has the attributes of the SDK's ReadableSpan, ours among them. Any: they share no type.
        values: its attributes; these three are given apart since reading them from it costs a copy each.
        events: its events.
        links: its links.
        longest: characters that a text in its attributes may have.
        longest_in_events: the same for its events and links.
    """
    context, parent, name, kind, status = span.context, span.parent, span.name, span.kind, span.status
    # The usual cases without a call for each: they are a fifth of the whole.
    trace_id, span_id, _, flags, state, _ = context if type(context) is UNPACKED else parts_of(context)
    parts = [b"\x0a\x10", trace_id.to_bytes(16, "big"), b"\x12\x08", span_id.to_bytes(8, "big")]
    if state is not DEFAULT_TRACE_STATE and state:
        parts.append(_text(b"\x1a", state.to_header()))
    remote = _KNOWN_REMOTE
    if parent is not None:
        _, parent_id, is_remote, _, _, _ = parent if type(parent) is UNPACKED else parts_of(parent)
        parts += (b"\x22\x08", parent_id.to_bytes(8, "big"))
        if is_remote:
            remote = _KNOWN_REMOTE | _IS_REMOTE
    parts.append((_names.get(name) if type(name) is str else None) or _name(name))
    # Its hash and its public value are functions of Python's.
    parts.append(_times(kind._value_ + 1 if type(kind) is SpanKind else 1, span.start_time, span.end_time))
    if values:
        parts.append(attributes(b"\x4a", values, longest))
    if span.dropped_attributes:
        parts.append(b"\x50" + varint(span.dropped_attributes))
    if events:
        parts += [_event(event, longest_in_events) for event in events]
    if span.dropped_events:
        parts.append(b"\x60" + varint(span.dropped_events))
    if links:
        parts += [_link(link, longest_in_events) for link in links]
    if span.dropped_links:
        parts.append(b"\x70" + varint(span.dropped_links))
    # An empty status is sent too: upstream's encoder does, and some backends look for it.
    parts.append(_status(status) if status.status_code.value else _EMPTY_STATUS)
    parts.append(_flags(0x0185, remote | flags))
    body = b"".join(parts)
    length = len(body)
    return b"\x12" + (_SMALL[length] if length < _SMALL_ONES else varint(length)) + body


def _name(name: str) -> bytes:
    """A span's name: there are as many as there are routes, so what was encoded once is kept."""
    if type(name) is not str:
        name = as_text(name)
    encoded = _names.get(name)
    if encoded is None:
        encoded = _text(b"\x2a", name)
        if len(encoded) <= _KEPT_LENGTH:
            if len(_names) >= _KEPT:
                _names.clear()
            _names[name] = encoded
    return encoded


def _times(kind: int, start: int, end: int) -> bytes:
    try:
        return _kind_start_end(0x30, kind, 0x39, start, 0x41, end)
    except StructError:  # a time that an application gave: negative, beyond 64 bits, not a whole number
        return _kind_start_end(0x30, kind, 0x39, _nanoseconds(start), 0x41, _nanoseconds(end))


def _nanoseconds(time: Any) -> int:
    """Any time as one that fits; 0, the epoch, for what is no number."""
    try:
        return min(max(int(time), 0), 0xFFFFFFFFFFFFFFFF)
    except (TypeError, ValueError, OverflowError):
        return 0


def _event(event: Any, longest: int | None) -> bytes:
    body = b"\x09" + _fixed64(_nanoseconds(event.timestamp)) + _text(b"\x12", as_text(event.name))
    body += attributes(b"\x1a", event.attributes or {}, longest)
    if event.dropped_attributes:
        body += b"\x20" + varint(event.dropped_attributes)
    return b"\x5a" + varint(len(body)) + body


def _link(link: Any, longest: int | None) -> bytes:
    context: SpanContext = link.context
    body = b"\x0a\x10" + context.trace_id.to_bytes(16, "big") + b"\x12\x08" + context.span_id.to_bytes(8, "big")
    if context.trace_state:
        body += _text(b"\x1a", context.trace_state.to_header())
    body += attributes(b"\x22", link.attributes or {}, longest)
    if link.dropped_attributes:
        body += b"\x28" + varint(link.dropped_attributes)
    remote = _KNOWN_REMOTE | _IS_REMOTE if context.is_remote else _KNOWN_REMOTE
    body += b"\x35" + _fixed32(remote | context.trace_flags)
    return b"\x6a" + varint(len(body)) + body


def _status(status: "Status") -> bytes:
    code = status.status_code.value
    description = _text(b"\x12", status.description) if status.description else b""
    body = description + (b"\x18" + varint(code) if code else b"")
    return b"\x7a" + varint(len(body)) + body


def encode_resource(values: Mapping[str, Any]) -> bytes:
    """A field ``resource`` of ResourceSpans."""
    body = attributes(b"\x0a", values, None)
    return b"\x0a" + varint(len(body)) + body


def encode_scope(name: str, version: str, values: Mapping[str, Any]) -> bytes:
    """A field ``scope`` of ScopeSpans."""
    body = _text(b"\x0a", name) + _text(b"\x12", version) + attributes(b"\x1a", values, None)
    return b"\x0a" + varint(len(body)) + body


def encode_schema_url(url: str) -> bytes:
    """A field ``schema_url`` of ScopeSpans or ResourceSpans."""
    return _text(b"\x1a", url)


def message(tag: bytes, parts: Iterable[bytes]) -> bytes:
    """A message field from the fields that it holds."""
    body = b"".join(parts)
    return tag + varint(len(body)) + body


def _text(tag: bytes, text: str) -> bytes:
    if not text:  # proto3 leaves out what is empty
        return b""
    encoded = utf8(text)
    return tag + varint(len(encoded)) + encoded


def varint(number: int) -> bytes:
    """A non-negative integer as a base-128 varint."""
    if number < _SMALL_ONES:
        return _SMALL[number]
    encoded = bytearray()
    while number > 0x7F:
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    encoded.append(number)
    return bytes(encoded)


def attributes(tag: bytes, values: Mapping[str, Any], longest: int | None) -> bytes:
    """Attributes as repeated KeyValue fields under ``tag``. A value that cannot be encoded is left out.

    Args:
        tag: the field's tag byte: 9 in a span, 3 in an event, 4 in a link, 1 in a resource.
        values: what the application set: any object may be among the values.
        longest: characters that a string may have; longer ones are cut.
    """
    # A text that is kept is shorter than any limit but a tiny one, for which none is kept.
    texts = _texts if longest is None or longest >= _KEPT_LENGTH else {}
    parts: list[bytes] = []
    try:
        for key, value in values.items():
            kind = type(value)
            # Here, so that most need no call.
            kept = texts.get((key, value)) if kind is str else _integers.get((key, value)) if kind is int else None
            parts += (tag, _attribute(key, value, longest, texts) if kept is None else kept)
        return b"".join(parts)
    except BY_A_VALUE as error:  # a value's own code may raise anything; then find the ones that do not
        if is_the_services(error):
            raise
        return b"".join([_attribute_or_nothing(tag, key, value, longest, texts) for key, value in list(values.items())])


def _attribute_or_nothing(tag: bytes, key: str, value: Any, longest: int | None, texts: _Kept) -> bytes:
    try:
        return tag + _attribute(key, value, longest, texts)
    except BY_A_VALUE as error:  # it costs its own field only
        if is_the_services(error):
            raise
        return b""


def _attribute(key: str, value: Any, longest: int | None, texts: _Kept) -> bytes:
    """A KeyValue."""
    # type() and not isinstance: bool is an int, and a subclass of str may have overridden what we are about to call.
    kind = type(value)
    if kind is str:
        return _kept(texts, key, value, longest)
    if kind is int:
        return _kept(_integers, key, value, None)
    if kind is bool:
        return _key_value(key, _TRUE if value else _FALSE)
    encoded = any_value(value, longest, ())
    return _key_value(key, b"\x12" + varint(len(encoded)) + encoded)


def _kept(cache: _Kept, key: str, value: Any, longest: int | None) -> bytes:
    """A KeyValue, kept for the next time where it is short."""
    encoded = any_value(value, longest, ())
    key_value = _key_value(key, b"\x12" + varint(len(encoded)) + encoded)
    if len(key_value) <= _KEPT_LENGTH:
        if len(cache) >= _KEPT:
            cache.clear()
        cache[key, value] = key_value
    return key_value


def _key_value(key: str, value: bytes) -> bytes:
    encoded = _keys.get(key)
    if encoded is None:
        text = utf8(key)
        encoded = b"\x0a" + varint(len(text)) + text
        if len(encoded) <= _KEPT_LENGTH:
            if len(_keys) >= _KEPT:
                _keys.clear()
            _keys[key] = encoded
    return varint(len(encoded) + len(value)) + encoded + value


# Attribute values may be nested; what is deeper than this, or inside of itself, is somebody's mistake.
_DEEPEST = 16


def any_value(value: Any, longest: int | None, around: tuple[int, ...]) -> bytes:  # noqa: PLR0911  # a case a type
    """The content of an AnyValue message.

    Args:
        value: anything.
        longest: characters that a text may have.
        around: the ids of the lists and mappings that it is inside of.

    Source: https://github.com/open-telemetry/opentelemetry-proto/blob/main/opentelemetry/proto/common/v1/common.proto
    """
    if isinstance(value, str):
        text = utf8(value if longest is None or len(value) <= longest else value[:longest])
        return b"\x0a" + varint(len(text)) + text
    if isinstance(value, bool):
        return b"\x10\x01" if value else b"\x10\x00"
    if isinstance(value, int):
        # An enumeration's member is an int, too; and a range asks those for equality one by one, for ever.
        number = int.__index__(value)
        # protobuf's int64 is two's complement; what does not fit is kept as text.
        if -(2**63) <= number < 2**63:
            return b"\x18" + varint(number & 0xFFFFFFFFFFFFFFFF)
        return any_value(str(number), longest, around)
    if isinstance(value, float):
        return b"\x21" + _double(value)
    if isinstance(value, (bytes, bytearray, memoryview)):
        octets = bytes(value if longest is None else value[:longest])
        return b"\x3a" + varint(len(octets)) + octets
    if value is None or len(around) >= _DEEPEST or id(value) in around:
        return b""
    around = (*around, id(value))
    # These types alone: going through anything else would run the application's code, such as a query, and
    # use up what can be gone through once.
    if isinstance(value, dict):
        pairs = b"".join([b"\x0a" + _nested_pair(key, item, longest, around) for key, item in value.items()])
        return b"\x32" + varint(len(pairs)) + pairs
    if isinstance(value, (list, tuple, set, frozenset)):
        items = b"".join(
            [b"\x0a" + varint(len(item)) + item for item in [any_value(v, longest, around) for v in value]]
        )
        return b"\x2a" + varint(len(items)) + items
    return any_value(str(value), longest, around)


def _nested_pair(key: object, value: Any, longest: int | None, around: tuple[int, ...]) -> bytes:
    encoded = any_value(value, longest, around)
    return _key_value(str(key), b"\x12" + varint(len(encoded)) + encoded)


def utf8(text: str) -> bytes:
    """UTF-8 that every decoder takes: protobuf refuses lone surrogates, so they become question marks."""
    try:
        return str.encode(text)  # not text.encode: a subclass may have its own
    except UnicodeEncodeError:
        return str.encode(text, "utf-8", "replace")
