"""Asking the language model."""
