"""Telegram's Bot API for one bot in private chats: methods, updates by webhook or polling, rates and limits."""
