"""The pipeline's data as seen from outside a run, without Spark."""
