"""Experiments: what each variant and the holdout came to, what may be said of it, and how the weights follow."""
