"""The tracer provider: the application's or ours."""
