"""The pipeline that a command is about: a deployment or a local run."""
