"""What would be traced, what not and why, and whether the collector takes spans: checks as data."""
