"""Customers as campaigns know them: their columns, their consent, their card, and their end."""
