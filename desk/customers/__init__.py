"""One customer: who they are, where they are reached, everything that happened, and what staff may do about it."""
