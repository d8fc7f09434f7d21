"""Replies on their way from an accepted question to a terminal state."""
