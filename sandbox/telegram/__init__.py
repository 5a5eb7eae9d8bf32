"""Telegram's Bot API for one bot: methods in private chats and groups with topics, updates, rates and limits."""
