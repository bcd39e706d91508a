"""How much one span may hold."""

from typing import NamedTuple

from platform_otel.config import Config


class Limits(NamedTuple):
    """Counts of attributes, events and links, and the characters that an attribute's text may have.

    Source: https://opentelemetry.io/docs/specs/otel/trace/sdk/#span-limits
    """

    attributes: int = 128
    events: int = 128
    links: int = 128
    event_attributes: int = 128
    link_attributes: int = 128
    value_length: int = 8192
    event_value_length: int = 32 * 1024

    @property
    def lengths(self) -> tuple[int, int]:
        """Characters that a text may have: in the attributes of spans, and in those of events and links."""
        return self.value_length, self.event_value_length


def limits(config: Config) -> Limits:
    """What the user set, else our defaults."""
    count = "OTEL_ATTRIBUTE_COUNT_LIMIT"
    length = "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT"
    return Limits(
        attributes=config.get("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", count),
        events=config.get("OTEL_SPAN_EVENT_COUNT_LIMIT"),
        links=config.get("OTEL_SPAN_LINK_COUNT_LIMIT"),
        event_attributes=config.get("OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT", count),
        link_attributes=config.get("OTEL_LINK_ATTRIBUTE_COUNT_LIMIT", count),
        value_length=config.get("OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT", length),
        # A traceback that the general default would cut loses its end, which says what happened.
        event_value_length=config.get(length) if config.is_set(length) else Limits().event_value_length,
    )
