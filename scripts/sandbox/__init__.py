"""The parts of the sandbox's documentation that come from its code and its tests."""
