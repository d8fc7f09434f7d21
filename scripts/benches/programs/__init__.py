"""Programs that the benchmark runs as processes of their own: the two services, and the two other bots."""
