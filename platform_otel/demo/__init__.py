"""Five small services, a receiver for their spans, and the means to run them together."""
