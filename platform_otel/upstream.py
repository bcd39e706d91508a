"""The doors that upstream opens: our distro and configurator, found by entry point.

``opentelemetry-instrument`` and the Kubernetes operator use them with ``OTEL_PYTHON_DISTRO`` and
``OTEL_PYTHON_CONFIGURATOR`` set to ``platform_otel``.
"""

from importlib.metadata import EntryPoint

from opentelemetry.instrumentation.distro import BaseDistro

from platform_otel import startup


class PlatformDistro(BaseDistro):  # type: ignore[misc]  # upstream is not typed
    """Instruments each library when the service imports it, not all of them before the service starts."""

    def _configure(self, **kwargs: object) -> None:
        startup.main()

    def load_instrumentor(self, entry_point: EntryPoint, **kwargs: object) -> None:
        """Nothing to load now: startup waits for the import of every library that has an instrumentor."""


class PlatformConfigurator:
    """Sets the resource, the provider and the exporters, as the launcher's start does."""

    def configure(self, **kwargs: object) -> None:
        """Called once by upstream, before or after the distro's turn."""
        startup.main()
