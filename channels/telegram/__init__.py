"""Telegram: the Bot API over aiogram."""
