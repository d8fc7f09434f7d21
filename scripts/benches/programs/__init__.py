"""Programs of the benchmark: the services, the two other bots, and measurements that are run by themselves."""
