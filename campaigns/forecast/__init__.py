"""What would happen if the folder were applied: differences, audience, and a forecast by the engine itself."""
