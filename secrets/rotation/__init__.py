"""Rotating the secrets of a deployment while its job runs."""
