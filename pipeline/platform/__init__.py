"""What a run stands on: Databricks, its credentials, Spark on this machine."""
