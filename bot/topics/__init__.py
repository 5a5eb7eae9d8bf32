"""The desk in Telegram: a topic for each conversation that people of ours have, kept in step with the store."""
