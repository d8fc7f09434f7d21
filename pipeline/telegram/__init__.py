"""Telegram: the Bot API, what it delivers, and its limits."""
