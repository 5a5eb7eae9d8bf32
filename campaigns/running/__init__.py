"""Running: due journeys are decided in batches, and what was decided is carried out."""
