"""The service's own log: which trace a record belongs to, and records on their way to the collector."""
