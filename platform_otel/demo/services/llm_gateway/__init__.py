"""llm_gateway: from a topic to a completion."""
