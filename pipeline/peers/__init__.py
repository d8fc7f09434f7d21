"""What is believed of other parties, Telegram and the model: their waits, the time and the size of a response."""
