"""A simulated Telegram and two model servers: develop and test a bot without any account."""
