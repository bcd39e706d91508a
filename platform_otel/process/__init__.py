"""Living in somebody else's process."""
