"""The benchmark: what people notice and what it costs, ours beside two other bots over the same simulated services."""
