"""Commands for operators; what they do is in the packages beside them."""
