"""One tracer provider: ours, until the application sets its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from opentelemetry import trace
from opentelemetry.trace import Tracer, TracerProvider
from opentelemetry.util.types import Attributes

from platform_otel.config import Config
from platform_otel.process.guard import debug, guarded
from platform_otel.process.identity import Identity
from platform_otel.tracing.scope import Scope
from platform_otel.tracing.tracer import PlatformTracer

if TYPE_CHECKING:
    from opentelemetry.sdk.resources import Resource

    from platform_otel.tracing.pipeline import Pipeline


def install(config: Config) -> None:
    """Make ours the global tracer provider, and notice when the application sets its own.

    The API's "set once" stays unused, so the application's call succeeds as if we were not there, and
    tracers that were handed out before us resolve to ours.
    """
    ours = PlatformTracerProvider(config)
    _installed.append(ours)
    set_by_the_api = trace._set_tracer_provider

    def set_tracer_provider(tracer_provider: TracerProvider, log: bool) -> None:
        set_by_the_api(tracer_provider, log)
        if trace._TRACER_PROVIDER is tracer_provider and tracer_provider is not ours:
            with guarded("join the application's tracer provider"):
                ours.step_aside_for(tracer_provider)

    trace._set_tracer_provider = set_tracer_provider
    if config.is_set("OTEL_PYTHON_TRACER_PROVIDER"):
        with guarded("load the provider that OTEL_PYTHON_TRACER_PROVIDER names"):
            trace.get_tracer_provider()
    if trace._TRACER_PROVIDER is None:
        trace._TRACER_PROVIDER = ours
    else:
        ours.step_aside_for(trace._TRACER_PROVIDER)


def stop() -> None:
    """At the end of the process: send what is left."""
    for provider in _installed:
        provider.end()


_installed: list[PlatformTracerProvider] = []


def be_an_sdk_provider() -> None:
    """Services ask isinstance(provider, opentelemetry.sdk.trace.TracerProvider) before adding processors."""
    from opentelemetry.sdk.trace import TracerProvider as SdkTracerProvider

    SdkTracerProvider.register(PlatformTracerProvider)


class PlatformTracerProvider(TracerProvider):
    """Hands out tracers that follow the provider in force; its pipeline is made when the first span starts."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._identity = Identity()
        # Read by every tracer for every span.
        self.pipeline: Pipeline | None = None
        self.application: TracerProvider | None = None
        self._built: dict[str, Pipeline] = {}
        self._is_broken = False

    def get_tracer(
        self,
        instrumenting_module_name: str,
        instrumenting_library_version: str | None = None,
        schema_url: str | None = None,
        attributes: Attributes = None,
    ) -> Tracer:
        """See :meth:`opentelemetry.trace.TracerProvider.get_tracer`."""
        scope = Scope(self._identity, instrumenting_module_name, instrumenting_library_version, schema_url, attributes)
        if self.application is not None:
            # Somebody kept us, perhaps the application's provider that wraps ours: no way back to it from here.
            return PlatformTracer(_Beneath(self), scope)
        return PlatformTracer(self, scope)

    def build(self) -> Pipeline | None:
        """The pipeline, made by the first who needs it; None if it cannot be made."""
        if self.pipeline is not None or self._is_broken:
            return self.pipeline
        with guarded("set up tracing"):
            from platform_otel.tracing.pipeline import Pipeline

            built = Pipeline(self._config, self._identity)
            # setdefault is atomic: where two threads come here at once, both use the one stored first.
            self.pipeline = self._built.setdefault("pipeline", built)
            return self.pipeline
        self._is_broken = True
        return None

    def step_aside_for(self, application: TracerProvider) -> None:
        """Let the application's provider win, and join it with our exports."""
        if application is self.application:
            return
        self.application = application
        debug(f"the application set its own tracer provider: {type(application).__qualname__}")
        pipeline = self.build()
        if pipeline is not None:
            pipeline.join(application)

    def add_span_processor(self, span_processor: Any) -> None:
        """See :meth:`opentelemetry.sdk.trace.TracerProvider.add_span_processor`. Any: the SDK's type."""
        pipeline = self.build()
        if pipeline is not None:
            pipeline.add_processor(span_processor)

    def force_flush(self, timeout_millis: int = 30000) -> bool:
        """See :meth:`opentelemetry.sdk.trace.TracerProvider.force_flush`."""
        return self.pipeline is None or self.pipeline.flush(timeout_millis / 1000)

    def end(self) -> None:
        """The process ends: send what is left, and start nothing any more."""
        self.shutdown()
        self._is_broken = True

    def shutdown(self) -> None:
        """See :meth:`opentelemetry.sdk.trace.TracerProvider.shutdown`. At most three seconds."""
        if self.pipeline is not None:
            self.pipeline.shutdown()

    @property
    def resource(self) -> Resource:
        """The resource of this process, as the SDK's type."""
        return self._identity.sdk_resource()

    @property
    def sampler(self) -> Any:
        """The sampler in force. Any: ours, or another package's."""
        pipeline = self.build()
        return pipeline.sampler if pipeline is not None else None

    @property
    def id_generator(self) -> Any:
        """The id generator in force. Any: ours, or another package's."""
        pipeline = self.build()
        return pipeline.ids if pipeline is not None else None


class _Beneath:
    """Our provider as those see it who kept it after the application had set its own: it follows nobody."""

    application = None

    def __init__(self, provider: PlatformTracerProvider) -> None:
        self.build = provider.build
        self.pipeline = provider.build()
