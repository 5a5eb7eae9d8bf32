"""Operating: what a person does to campaigns and messages that are under way."""
