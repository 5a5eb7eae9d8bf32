"""Responding: what comes back, and what it means for the journeys that it concerns."""
