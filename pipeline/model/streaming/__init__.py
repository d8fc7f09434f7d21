"""An answer that comes while the model writes it: its events, and the text within its unfinished JSON."""
