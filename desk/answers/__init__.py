"""What customers ask the bot: what it has no answer to, what its answers came to, and a question to try."""
