"""The checks of a deployment or a local run."""
