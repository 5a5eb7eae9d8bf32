"""Flows: conversations that a marketer writes as YAML, and the bot holds on every channel."""
