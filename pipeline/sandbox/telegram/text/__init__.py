"""Text as Telegram measures it and marks it up."""
