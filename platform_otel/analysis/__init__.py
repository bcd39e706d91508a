"""Pure functions over spans: what a trace looks like and what it says. No I/O."""
