"""What a message can hold besides text: keyboards, files and polls, and the state that they need."""
