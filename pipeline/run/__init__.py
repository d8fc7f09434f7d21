"""A run of the pipeline: what it consists of, and how it is watched and ended."""
