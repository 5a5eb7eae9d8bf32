"""SMS by any gateway that speaks HTTP, described in a file instead of code."""
