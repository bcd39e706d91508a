"""What a child process does: one span, flushed as its author would."""


def work() -> None:
    from opentelemetry import trace

    with trace.get_tracer("child").start_as_current_span("work in the child"):
        pass
    trace.get_tracer_provider().force_flush()  # type: ignore[attr-defined]  # the API's type has no flush
