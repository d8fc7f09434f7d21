"""Limits: what an answer may cost, reserved before the model is asked and settled afterwards."""
