"""The pictures of README and the documentation, taken from the running product: `make pictures`."""
