"""Rotation of a deployment's secrets while its job runs."""
