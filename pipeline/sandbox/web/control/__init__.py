"""The control API of tests, under /sandbox/."""
