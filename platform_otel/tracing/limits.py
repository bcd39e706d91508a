"""How much one span may hold."""

from opentelemetry.sdk.trace import SpanLimits

from platform_otel.config import Config

# The end of a traceback is what says what happened; at the general 8 KiB the SDK would cut it off.
_EVENT_VALUE_LENGTH = 32 * 1024


def span_limits(config: Config) -> SpanLimits:
    """The limits that the user set, else our defaults.

    Every one is given, so that the SDK reads none from the environment itself: it raises for a bad value.
    Source: https://opentelemetry.io/docs/specs/otel/common/#attribute-limits
    """
    general = "OTEL_ATTRIBUTE_COUNT_LIMIT"
    length = "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT"
    return SpanLimits(
        max_attributes=config.get(general),
        max_events=config.get("OTEL_SPAN_EVENT_COUNT_LIMIT"),
        max_links=config.get("OTEL_SPAN_LINK_COUNT_LIMIT"),
        max_span_attributes=config.get("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", general),
        max_event_attributes=config.get("OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT", general),
        max_link_attributes=config.get("OTEL_LINK_ATTRIBUTE_COUNT_LIMIT", general),
        max_attribute_length=config.get(length) if config.is_set(length) else _EVENT_VALUE_LENGTH,
        max_span_attribute_length=config.get("OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT", length),
    )
