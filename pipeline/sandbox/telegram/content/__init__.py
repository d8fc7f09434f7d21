"""What a message can hold besides text, and the state that it needs."""
