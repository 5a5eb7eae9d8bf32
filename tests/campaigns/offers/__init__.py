"""Offers: grants, codes, choices."""
