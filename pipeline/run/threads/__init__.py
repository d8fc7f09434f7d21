"""The threads of a run: they restart what failed, after a pause that grows."""
