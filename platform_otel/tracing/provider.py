"""One tracer provider: ours, until the application sets its own."""

import atexit
from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import Link, Span, SpanKind, Tracer, TracerProvider
from opentelemetry.util.types import Attributes

from platform_otel.config import SETTINGS, Config
from platform_otel.process.environment import changed_for_now
from platform_otel.process.guard import debug, guarded
from platform_otel.process.import_hooks import when_imported

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import SpanProcessor

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
        with guarded("load the provider that OTEL_PYTHON_TRACER_PROVIDER names"):
            trace.get_tracer_provider()
    if trace._TRACER_PROVIDER is None:
        trace._TRACER_PROVIDER = ours
    else:
        ours.step_aside_for(trace._TRACER_PROVIDER)
    when_imported("opentelemetry.sdk.trace", _be_an_sdk_provider)


def _be_an_sdk_provider() -> None:
    """Services ask isinstance(provider, opentelemetry.sdk.trace.TracerProvider) before adding processors."""
    from opentelemetry.sdk.trace import TracerProvider as SdkTracerProvider

    SdkTracerProvider.register(PlatformTracerProvider)


# Where ours cannot be built, such as over an SDK that is half upgraded, spans cost nothing and do nothing.
_NOTHING = trace.NoOpTracerProvider()


class PlatformTracerProvider(TracerProvider):
    """Hands out tracers that follow the provider in force; builds the SDK's when the first span starts."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._application: TracerProvider | None = None
        self._built: dict[str, Pipeline] = {}

    def get_tracer(
        self,
        instrumenting_module_name: str,
        instrumenting_library_version: str | None = None,
        schema_url: str | None = None,
        attributes: Attributes = None,
    ) -> Tracer:
        """See :meth:`opentelemetry.trace.TracerProvider.get_tracer`."""
        scope = (instrumenting_module_name, instrumenting_library_version, schema_url, attributes)
        if self._application is not None:
            # Somebody kept us, perhaps the application's provider that wraps ours: no way back to it from here.
            return self._pipeline().provider.get_tracer(*scope)
        return FollowingTracer(self, scope)

    def provider_in_force(self) -> TracerProvider:
        """The application's provider if it has set one, else the one beneath ours."""
        if self._application is not None:
            return self._application
        with guarded("set up tracing"):
            return self._pipeline().provider
        return _NOTHING

    def step_aside_for(self, application: TracerProvider) -> None:
        """Let the application's provider win, and join it with our exporter."""
        if application is self._application:
            return
        self._application = application
        debug(f"the application set its own tracer provider: {type(application).__qualname__}")
        self._pipeline().join(application)

    def add_span_processor(self, span_processor: "SpanProcessor") -> None:
        """See :meth:`opentelemetry.sdk.trace.TracerProvider.add_span_processor`."""
        if not self._pipeline().is_ours(span_processor):
            self._pipeline().provider.add_span_processor(span_processor)

    def force_flush(self, timeout_millis: int = 30000) -> bool:
        """See :meth:`opentelemetry.sdk.trace.TracerProvider.force_flush`."""
        return self._pipeline().provider.force_flush(timeout_millis)

    def shutdown(self) -> None:
        """See :meth:`opentelemetry.sdk.trace.TracerProvider.shutdown`."""
        self._pipeline().shutdown()

    def __getattr__(self, name: str) -> Any:
        """What else others read of an SDK provider: resource, sampler, id_generator. Any: whatever it is there."""
        if name.startswith("__") or "_built" not in self.__dict__:  # copies and pickles look before __init__ ran
            raise AttributeError(name)
        return getattr(self._pipeline().provider, name)

    def _pipeline(self) -> "Pipeline":
        # setdefault is atomic: where two threads start the first span at once, both use the one stored first.
        if "pipeline" not in self._built:
            built = _build(self._config)
            if self._built.setdefault("pipeline", built) is built:
                atexit.register(built.shutdown)
        return self._built["pipeline"]


def _build(config: Config) -> "Pipeline":
    # The SDK reads the limits while it is imported and raises for a bad one; we give it good ones later.
    limits = {name: None for name, *_ in SETTINGS if name.endswith("_LIMIT")}
    with changed_for_now(limits):
        from platform_otel.tracing.pipeline import Pipeline
    return Pipeline(config)


class FollowingTracer(Tracer):
    """A tracer of whichever provider is in force when a span starts."""

    def __init__(self, provider: PlatformTracerProvider, scope: tuple[str, str | None, str | None, Attributes]) -> None:
        self._provider = provider
        self._scope = scope
        self._followed: tuple[TracerProvider | None, Tracer] = (None, trace.NoOpTracer())

    def _tracer(self) -> Tracer:
        followed, tracer = self._followed
        in_force = self._provider.provider_in_force()
        if followed is not in_force:
            tracer = in_force.get_tracer(*self._scope)
            self._followed = in_force, tracer
        return tracer

    def start_span(
        self,
        name: str,
        context: Context | None = None,
        kind: SpanKind = SpanKind.INTERNAL,
        attributes: Attributes = None,
        links: Sequence[Link] | None = None,
        start_time: int | None = None,
        record_exception: bool = True,
        set_status_on_exception: bool = True,
    ) -> Span:
        """See :meth:`opentelemetry.trace.Tracer.start_span`."""
        return self._tracer().start_span(
            name, context, kind, attributes, links, start_time, record_exception, set_status_on_exception
        )

    def start_as_current_span(self, *args: Any, **kwargs: Any) -> "AbstractContextManager[Span]":  # type: ignore[override]  # the API's own decorator hides its type
        """See :meth:`opentelemetry.trace.Tracer.start_as_current_span`. Any: passed on as it is."""
        return self._tracer().start_as_current_span(*args, **kwargs)

    def __getattr__(self, name: str) -> Any:
        """What else others read of an SDK tracer. Any: whatever it is there."""
        if name.startswith("__") or "_followed" not in self.__dict__:
            raise AttributeError(name)
        return getattr(self._tracer(), name)
