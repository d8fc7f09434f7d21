"""The checkpointed stream from the landing into the tables."""
