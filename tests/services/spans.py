"""Work that is one span; to be imported, as multiprocessing asks."""


def work(name: object) -> str:
    from opentelemetry import trace

    with trace.get_tracer("spans").start_as_current_span(f"work {name}"):
        pass
    return f"{name} worked"
