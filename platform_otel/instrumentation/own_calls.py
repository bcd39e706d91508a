"""A service that instruments itself: its own call wins over what we did, as if we had not been there.

Upstream answers such a call with a warning and leaves everything as it was, so the service would lose the
arguments it gave and gain a line in its log.
"""

from collections.abc import Callable
from typing import Any

from platform_otel.instrumentation import conventions
from platform_otel.process.guard import debug, guarded


def yield_to(library: str, instrumentor: Any) -> None:
    """Let a later ``instrument()`` or ``instrument_app()`` of the service replace ours.

    Args:
        library: the instrumentor's entry point name, such as "fastapi".
        instrumentor: upstream's, in force. Any: upstream is not typed.
    """
    _replace_instrument(library, instrumentor)
    kind = type(instrumentor)
    if hasattr(kind, "instrument_app") and library in _UNDO_APP:
        _replace_instrument_app(kind, _UNDO_APP[library])


def replace_ours(library: str, instrumentor: Any, give_way: Callable[[], None]) -> None:
    """Let the service's ``instrument()`` and ``instrument_app()`` of upstream's take the place of our instrumentation.

    Args:
        library: its name in the catalog.
        instrumentor: upstream's, not in force. Any: upstream is not typed.
        give_way: takes ours out of force.
    """
    kind = type(instrumentor)

    def leave() -> None:
        with guarded(f"leave {library} to the service's own instrumentation"):
            debug(f"the service instruments {library} itself")
            give_way()
            conventions.give_back()

    def instrument(**arguments: Any) -> Any:
        instrumentor.__dict__.pop("uninstrument", None)
        leave()
        return kind.instrument(instrumentor, **arguments)

    def uninstrument(**_: Any) -> None:
        # Upstream's is not in force, and would say so.
        del instrumentor.uninstrument
        leave()

    # The instrumentor is a singleton, and these functions attributes of it that hide the methods.
    instrumentor.instrument = instrument
    instrumentor.uninstrument = uninstrument
    if hasattr(kind, "instrument_app"):
        _give_back_conventions_before(kind)


def _give_back_conventions_before(kind: Any) -> None:
    instrument_app = kind.instrument_app

    def with_its_own_conventions(app: Any, *arguments: Any, **named: Any) -> Any:
        conventions.give_back()
        return instrument_app(app, *arguments, **named)

    kind.instrument_app = staticmethod(with_its_own_conventions)


def _replace_instrument(library: str, instrumentor: Any) -> None:
    def instrument(**arguments: Any) -> Any:
        # The instrumentor is a singleton, and this function an attribute of it that hides the method.
        del instrumentor.instrument
        with guarded(f"leave {library} to the service's own instrumentation"):
            debug(f"the service instruments {library} itself")
            if instrumentor.is_instrumented_by_opentelemetry:
                instrumentor.uninstrument()
            conventions.give_back()
        return instrumentor.instrument(**arguments)

    instrumentor.instrument = instrument


def _replace_instrument_app(kind: Any, undo: Callable[[Any], bool]) -> None:
    instrument_app = kind.instrument_app

    def replacing(app: Any, *arguments: Any, **named: Any) -> Any:
        # Upstream's own subclass of the application comes here first, for an application not instrumented yet.
        if getattr(app, "_is_instrumented_by_opentelemetry", False):
            if not undo(app):
                debug("an application stays instrumented by us: it was wrapped since")
                return None
            conventions.give_back()
        return instrument_app(app, *arguments, **named)

    kind.instrument_app = staticmethod(replacing)


def _undo_fastapi(app: Any) -> bool:
    # Upstream's uninstrument_app builds the middleware stack, after which FastAPI takes no more middleware.
    if app.middleware_stack is not None:
        return False
    app.build_middleware_stack = app._original_build_middleware_stack
    app._is_instrumented_by_opentelemetry = False
    return True


def _undo_flask(app: Any) -> bool:
    # Upstream's uninstrument_app fails on an application of its own subclass, and would drop what the service
    # has put around wsgi_app since, such as a proxy fix.
    if not _is_upstreams(app.wsgi_app):
        return False
    app.wsgi_app = app._original_wsgi_app
    for hooks in (app.before_request_funcs, app.teardown_request_funcs):
        hooks[None] = [hook for hook in hooks.get(None, ()) if not _is_upstreams(hook)]
    app._is_instrumented_by_opentelemetry = False
    return True


def _is_upstreams(function: Any) -> bool:
    return getattr(function, "__module__", "") == "opentelemetry.instrumentation.flask"


_UNDO_APP: dict[str, Callable[[Any], bool]] = {"fastapi": _undo_fastapi, "flask": _undo_flask}
