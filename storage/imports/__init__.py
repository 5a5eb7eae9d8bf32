"""Customers and their histories out of files, into the store: streamed, checked row by row, safe to repeat."""
