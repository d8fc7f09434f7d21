"""One component for each concern of an environment."""
