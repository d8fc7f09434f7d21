"""Two model servers behind OpenAI's API: one that follows a script, and a small real one."""
