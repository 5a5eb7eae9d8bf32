"""Campaigns on the desk: what runs, what it came to, what comes next, and the levers."""
