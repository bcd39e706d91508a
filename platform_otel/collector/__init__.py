"""The collector's process: OTLP in, a store in one file, and answers out."""
