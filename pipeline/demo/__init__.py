"""The demo: `pipeline run` as in production, with a simulated Telegram and a small language model on this machine."""
