"""Questions, answers and what identifies them: plain values."""
