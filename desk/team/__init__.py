"""The people of the desk, for admins: who is there, taken on, changed, sent away."""
