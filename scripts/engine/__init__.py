"""The infrastructure engine: what it needs, and calling it."""
