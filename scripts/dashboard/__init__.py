"""The AI/BI dashboard without a workspace: its own definition and its own SQL, over the tables of a local run."""
