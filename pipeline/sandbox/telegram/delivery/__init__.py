"""How updates reach the bot: the queue, long polling and webhooks."""
