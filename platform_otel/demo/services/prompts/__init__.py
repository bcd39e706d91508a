"""prompts: the texts that we send to models."""
