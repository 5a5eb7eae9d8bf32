"""Merging at the level of rows: who was merged into whom, what each merge moved, and how it is moved back.

What a merge means for journeys, offers and conversations is said in :mod:`campaigns.customers.merging`; here rows are
found by the tables' own description, so that a table that is added later, also by a plugin, is moved as well.
"""
