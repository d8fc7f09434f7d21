"""The simulated Telegram over HTTP: the Bot API, the control API of tests, and the chat page."""
