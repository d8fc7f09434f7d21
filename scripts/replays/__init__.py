"""Messages taken again."""
