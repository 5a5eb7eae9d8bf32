"""Composing: a claimed message becomes what its provider gets."""
