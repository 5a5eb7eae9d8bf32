"""Reporting: what became of a campaign, and of one journey through it."""
