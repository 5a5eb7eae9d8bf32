"""Looking at a campaign's messages as one customer would get them, and sending them to oneself. Nobody is enrolled."""
