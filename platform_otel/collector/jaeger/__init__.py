"""Jaeger's HTTP API over the store: version 1, which its own page and older tools ask, and version 3."""
