"""The demonstration: made-up customers."""
