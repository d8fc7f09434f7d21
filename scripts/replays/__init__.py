"""Replays of messages: the choice, the plan, and landing it."""
