"""Five small services, and the means to run them together with a collector of their spans."""
