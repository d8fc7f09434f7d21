"""Entities of the links that a markup style names: https://core.telegram.org/bots/api#formatting-options."""

import re
from typing import Any
from urllib.parse import parse_qs

from pipeline.sandbox.telegram.text.links import LinkError, checked_link
from pipeline.sandbox.telegram.text.marked import MarkupError

_USER = re.compile(r"tg:(?://)?user\?(?:.*&)?id=([1-9][0-9]{0,18})(?:&.*)?", re.IGNORECASE)
_NO_HOST = re.compile(r"(?:mailto|tel|javascript|data):", re.IGNORECASE)


def link_entity(url: str, words: str, offset: int, length: int) -> dict[str, Any] | None:
    """The text_link or text_mention entity of marked words; None for what is no link.

    The simulated Telegram names a mentioned user by the words that mention them.
    """
    user = _USER.fullmatch(url.strip())
    if user is not None:
        known = {"id": int(user[1]), "is_bot": False, "first_name": words}
        return {"type": "text_mention", "offset": offset, "length": length, "user": known}
    link = _link(url.strip())
    return {"type": "text_link", "offset": offset, "length": length, "url": link} if link else None


def tg_entity(url: str, offset: int, length: int) -> dict[str, Any]:
    """The entity of `![words](tg://…)`: a custom emoji or a time. MarkupError for any other link."""
    host, _, query = url.strip().partition("?")
    given = {name: values[0] for name, values in parse_qs(query).items()}
    place = re.sub(r"^tg:(?://)?", "", host, flags=re.IGNORECASE).lower() if host.lower().startswith("tg:") else ""
    if place == "emoji":
        if "id" not in given:
            raise MarkupError("Custom emoji URL must have an emoji identifier")
        if not re.fullmatch("[1-9][0-9]*", given["id"]):
            raise MarkupError("Invalid custom emoji identifier specified")
        return {"type": "custom_emoji", "offset": offset, "length": length, "custom_emoji_id": given["id"]}
    if place == "time" and is_time(given.get("unix", "")):
        return time_entity(given["unix"], given.get("format", ""), offset, length)
    raise MarkupError("Custom emoji entity must contain a tg://emoji URL")


def is_time(unix: str) -> bool:
    """Whether a text is a number of seconds since the epoch."""
    return re.fullmatch("[0-9]{1,18}", unix) is not None


def time_entity(unix: str, style: str, offset: int, length: int) -> dict[str, Any]:
    """A date_time entity; `unix` is as `is_time` wants it."""
    entity: dict[str, Any] = {"type": "date_time", "offset": offset, "length": length, "unix_time": int(unix)}
    return entity | {"date_time_format": style} if style else entity


def _link(url: str) -> str:
    """The link as Telegram keeps it; empty for a text that is no link, which then loses its markup."""
    try:
        return "" if _NO_HOST.match(url) else checked_link(url)
    except LinkError:
        return ""
