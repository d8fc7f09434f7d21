"""A simulated Telegram and two model servers to develop a bot against, with no account anywhere."""
