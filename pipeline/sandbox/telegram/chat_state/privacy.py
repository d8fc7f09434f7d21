"""Privacy mode: which messages of a group reach a bot, https://core.telegram.org/bots/features#privacy-mode."""

from pipeline.sandbox.json_types import Json

_CONTENT = frozenset(
    {
        "text",
        "caption",
        "animation",
        "audio",
        "checklist",
        "contact",
        "dice",
        "document",
        "game",
        "live_photo",
        "location",
        "paid_media",
        "photo",
        "poll",
        "rich_message",
        "sticker",
        "story",
        "venue",
        "video",
        "video_note",
        "voice",
    }
)


def reaches_bot(message: Json, bot: Json, *, last_bot_id: int | None) -> bool:
    """Whether a message of a group reaches a bot (a User object) in privacy mode.

    Service messages, replies to the bot, what was sent by way of it, and messages that name it do. A command that
    names no bot does unless another bot was the last to write; `last_bot_id` is that bot.
    """
    if not _CONTENT & message.keys():
        return True
    replied = message.get("reply_to_message") or {}
    if bot["id"] in (_user(replied, "from").get("id"), _user(message, "via_bot").get("id")):
        return True
    if _user(message, "from").get("is_bot"):
        return False
    words = str(message.get("text") or message.get("caption") or "")
    marks = message.get("entities") or message.get("caption_entities") or []
    return any(_names(entity, words, bot, last_bot_id) for entity in marks)


def _names(entity: Json, words: str, bot: Json, last_bot_id: int | None) -> bool:
    name = f"@{bot['username']}".casefold()
    units = words.encode("utf-16-le", "surrogatepass")
    start = entity["offset"] * 2
    marked = units[start : start + entity["length"] * 2].decode("utf-16-le", "replace").casefold()
    if entity["type"] == "text_mention":
        return bool(entity.get("user", {}).get("id") == bot["id"])
    if entity["type"] == "mention":
        return marked == name
    if entity["type"] != "bot_command":
        return False
    _, at, target = marked.partition("@")
    return at + target == name if at else last_bot_id in (None, bot["id"])


def _user(message: Json, field: str) -> Json:
    user: Json = message.get(field) or {}
    return user
