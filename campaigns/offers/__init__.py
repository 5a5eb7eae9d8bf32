"""Offers: what was promised to whom, and the codes that are left to promise."""
