"""What a child process does: one span."""


def work() -> None:
    from opentelemetry import trace

    with trace.get_tracer("child").start_as_current_span("work in the child"):
        pass
