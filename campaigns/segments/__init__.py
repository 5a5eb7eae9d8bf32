"""Segments: a condition language over customers, compiled to one SQL statement."""
