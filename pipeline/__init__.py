"""An AI assistant on Telegram that runs as a lakehouse pipeline."""

__version__ = "0.1.0"
