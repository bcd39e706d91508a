"""Which library is instrumented by what, and how it comes about."""
