"""Whose spans these are: the instrumentation scope of a tracer, beside the resource of its process."""

from typing import TYPE_CHECKING, Any

from opentelemetry.util.types import Attributes

from platform_otel.process.guard import as_text
from platform_otel.tracing.attributes import pairs, snapshot

if TYPE_CHECKING:
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.util.instrumentation import InstrumentationScope

    from platform_otel.process.identity import Identity


class Scope:
    """The name and version that a tracer was asked for with.

    Source: https://opentelemetry.io/docs/specs/otel/common/instrumentation-scope/
    """

    __slots__ = ("_sdk", "attributes", "identity", "name", "schema_url", "version")

    def __init__(
        self, identity: "Identity", name: str, version: str | None, schema_url: str | None, attributes: Attributes
    ) -> None:
        self.identity = identity
        # Whatever was given: one tracer of a wrong type must not cost the batch that its spans are in.
        self.name = _text(name)
        self.version = _text(version)
        self.schema_url = _text(schema_url)
        self.attributes: dict[str, Any] = {}
        if attributes is not None:
            self.attributes = {key: snapshot(value) for key, value in pairs(attributes) if key}
        self._sdk: Any = None  # Any: the SDK is imported when somebody asks for its type

    def resource(self) -> "Resource":
        """The resource of this process as the SDK's type."""
        return self.identity.sdk_resource()

    def instrumentation_scope(self) -> "InstrumentationScope":
        """This scope as the SDK's type."""
        if self._sdk is None:
            from opentelemetry.sdk.util.instrumentation import InstrumentationScope

            self._sdk = InstrumentationScope(self.name, self.version, self.schema_url, self.attributes)
        scope: InstrumentationScope = self._sdk
        return scope


def _text(given: str | None) -> str:
    return "" if given is None else as_text(given)
