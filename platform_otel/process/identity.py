"""Who this process is: its resource, as bytes for OTLP and as the SDK's type for others."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from platform_otel.process.resource import resource_of_this_process

if TYPE_CHECKING:
    from opentelemetry.sdk.resources import Resource


class Identity:
    """The resource, computed when it is first needed: some of it reads files, which no request should wait for."""

    def __init__(self, attributes: Callable[[], Mapping[str, Any]] | None = None) -> None:
        self._compute = attributes or resource_of_this_process
        self.forget()

    def forget(self) -> None:
        """Compute anew when asked next: a child process is somebody else."""
        self._attributes: Mapping[str, Any] | None = None
        self._sdk: Resource | None = None

    def attributes(self) -> Mapping[str, Any]:
        """The attributes of the resource."""
        if self._attributes is None:
            self._attributes = self._compute()
        return self._attributes

    def sdk_resource(self) -> "Resource":
        """The resource as the SDK's type, for whoever reads ``span.resource``."""
        if self._sdk is None:
            from opentelemetry.sdk.resources import Resource

            self._sdk = Resource(dict(self.attributes()))
        return self._sdk
