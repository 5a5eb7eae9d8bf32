"""Simulation: campaigns on a virtual clock over a throw-away store, with customers who behave by rates or by script."""
