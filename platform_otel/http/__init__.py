"""What the conventions say of HTTP: pure functions from requests to attributes, and the settings that users know."""
