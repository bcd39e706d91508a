"""identity: who is asking."""
