"""Tempo's HTTP API over the store: traces by id, TraceQL, and the names and values that a query builder offers."""
