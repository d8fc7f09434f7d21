"""The simulated Telegram: its state and its rules, without HTTP."""
