"""Batches: what most people write, handled many at once.

*Sorting* finds the plain messages; *facts* are loaded for all of them in a few queries; *deciding* is pure and leaves
what turns out to be an order; *writing* keeps everything in a few statements. What is left is handled one by one, and
with it whatever else the same customer wrote in the batch, in order.
"""
