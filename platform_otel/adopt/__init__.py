"""Deployment files in, the same files with tracing out: text to text, at the places where the parsers say to."""
