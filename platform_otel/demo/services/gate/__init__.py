"""gate: the way in."""
