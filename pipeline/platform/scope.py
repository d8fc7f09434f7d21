"""The keys of a deployment's secrets in its secret scope.

The run reads them, `secrets/rotate.py` replaces them and the smoke tests check them.
"""

from __future__ import annotations

TELEGRAM_TOKEN = "telegram-token"
LLM_API_KEY = "llm-api-key"
