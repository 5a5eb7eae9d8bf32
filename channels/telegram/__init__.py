"""Telegram: the Bot API by aiogram or python-telegram-bot, and servers of its shape."""
