"""The policy pack: what the engine refuses to deploy."""
