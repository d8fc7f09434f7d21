"""Conversations: what was said before a question, and what of it the model is given."""
