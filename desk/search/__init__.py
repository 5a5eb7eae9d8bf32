"""Looking for somebody: by name, address, number, or what was said last."""
