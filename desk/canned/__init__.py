"""Canned replies: what is said often, kept once and filled in for each customer."""
