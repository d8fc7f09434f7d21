"""Feedback: who presses a button gets an answer at once. What the presses mean is in the tables."""
