"""The bot's fixed texts: answers to commands, and the polite text in place of an answer."""

from __future__ import annotations

FALLBACK = "Sorry, I can't answer that right now. Please try again, perhaps in other words."
CUT = "(My answer was too long, so it ends here.)"
"""The last line of an answer that was cut."""

_FIXED = {
    "start": "Hello! I'm an AI assistant. Write me a message and I'll answer it. /help says more.",
    "help": (
        "Write me a message in any language and I'll answer in it.\n"
        "In a group, mention me, reply to me or send me a command, and I'll answer there.\n"
        "I answer each message on its own: I don't remember earlier ones. Please check what matters."
    ),
}


def fixed_answer(command: str | None) -> str | None:
    """The answer to a command that needs no model, or None."""
    return _FIXED.get(command or "")
