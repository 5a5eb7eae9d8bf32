"""Limits: how often, when and for how much a customer may be written to."""
