"""Conversations: what happens when a customer writes."""
