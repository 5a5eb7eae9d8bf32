"""When messages may leave and what they cost."""
