"""What people do in the simulated Telegram, one function for each action."""
