"""The secret scope: under which keys a deployment keeps its secrets.

Named once for the run that reads them, the scripts that rotate them and the checks. Importing needs nothing else.
"""

from __future__ import annotations

TELEGRAM_TOKEN = "telegram-token"
LLM_API_KEY = "llm-api-key"
