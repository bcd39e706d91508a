"""One tracer provider: ours, until the application sets its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from opentelemetry import trace
from opentelemetry.trace import Tracer, TracerProvider
from opentelemetry.util.types import Attributes

from platform_otel.config import Config
from platform_otel.process.guard import debug, guarded
from platform_otel.process.identity import Identity
from platform_otel.process.import_hooks import own_imports
from platform_otel.process.lifecycle import patience, watch, when_forked
from platform_otel.process.threads import at_once
from platform_otel.tracing.scope import Scope
from platform_otel.tracing.tracer import PlatformTracer

if TYPE_CHECKING:
    from opentelemetry.sdk.resources import Resource

    from platform_otel.process.threads import Wait
    from platform_otel.tracing.pipeline import Pipeline


def install(config: Config) -> None:
    """Make ours the global tracer provider, and notice when the application sets its own.

    The API's "set once" stays unused, so the application's call succeeds as if we were not there, and
    tracers that were handed out before us resolve to ours.
    """
    ours = PlatformTracerProvider(config)
    set_by_the_api = trace._set_tracer_provider

    def set_tracer_provider(tracer_provider: TracerProvider, log: bool) -> None:
        set_by_the_api(tracer_provider, log)
        if trace._TRACER_PROVIDER is tracer_provider and tracer_provider is not ours:
            with guarded("join the application's tracer provider"):
                ours.step_aside_for(tracer_provider)

    trace._set_tracer_provider = set_tracer_provider
    if config.is_set("OTEL_PYTHON_TRACER_PROVIDER"):
        _set_by_name(config.get("OTEL_PYTHON_TRACER_PROVIDER"), set_by_the_api)
    if trace._TRACER_PROVIDER is None:
        trace._TRACER_PROVIDER = ours
    else:
        ours.step_aside_for(trace._TRACER_PROVIDER)
    watch(ours)


def _set_by_name(name: str, set_by_the_api: Callable[[TracerProvider, bool], None]) -> None:
    """Do what the API does when it is first asked for a provider, without the traceback that it logs for a bad name."""
    from platform_otel.instrumentation.offered import offered

    found = offered("OTEL_PYTHON_TRACER_PROVIDER", "opentelemetry_tracer_provider", name, "using ours")
    if found is not None:
        set_by_the_api(found, False)


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
        # What build() gives comes first here: a pipeline, or None if none can be made.
        self._built: list[Pipeline | None] = []
        when_forked(self._start_anew)

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
        if not self._built:
            # Two threads may come here at once: both use the one that is stored first, and append is atomic.
            self._built.append(self._made())
        self.pipeline = self._built[0]
        return self.pipeline

    def _made(self) -> Pipeline | None:
        # As our own imports, though the service's thread makes them: a process that forks waits for those.
        with guarded("set up tracing"), own_imports():
            from platform_otel.tracing.pipeline import Pipeline

            pipeline = Pipeline(self._config, self._identity)
            if self.application is None:
                pipeline.announce()
            return pipeline
        return None

    def _start_anew(self) -> None:
        """In a child after a fork."""
        with guarded("start anew after a fork"):
            self._identity.forget()
            if self.pipeline is not None:
                self.pipeline.start_anew()

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

    def shutdown(self) -> None:
        """See :meth:`opentelemetry.sdk.trace.TracerProvider.shutdown`. Out of the time that the end may take in all."""
        if self.pipeline is not None:
            with patience as deadline:
                self.pipeline.begin_stop(deadline)()

    def waits(self) -> bool:
        """Whether a span has ended and is not sent yet."""
        return self.pipeline is not None and self.pipeline.waits()

    def begin_flush(self, deadline: float) -> Wait:
        """Begin to send what has ended so far."""
        return at_once if self.pipeline is None else self.pipeline.begin_flush(deadline)

    def begin_stop(self, deadline: float) -> Wait:
        """The process ends: begin to send what is left, and start nothing any more."""
        self._built.append(None)
        return at_once if self.pipeline is None else self.pipeline.begin_stop(deadline)

    def say_lost(self) -> None:
        """Say how many spans are not sent."""
        if self.pipeline is not None:
            self.pipeline.say_lost()

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
