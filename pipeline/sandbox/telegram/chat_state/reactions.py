"""Reactions to messages: https://core.telegram.org/bots/api#reactiontype."""

from collections import Counter
from dataclasses import dataclass, field

from pipeline.sandbox.json_types import Json

_EMOJI = (
    "❤ 👍 👎 🔥 🥰 👏 😁 🤔 🤯 😱 🤬 😢 🎉 🤩 🤮 💩 🙏 👌 🕊 🤡"
    " 🥱 🥴 😍 🐳 ❤‍🔥 🌚 🌭 💯 🤣 ⚡ 🍌 🏆 💔 🤨 😐 🍓 🍾 💋 🖕 😈"
    " 😴 😭 🤓 👻 👨‍💻 👀 🎃 🙈 😇 😨 🤝 ✍ 🤗 🫡 🎅 🎄 ☃ 💅 🤪 🗿"
    " 🆒 💘 🙉 🦄 😘 💊 🙊 😎 👾 🤷‍♂ 🤷 🤷‍♀ 😡"
)
EMOJI = frozenset(_EMOJI.split())
"""Emoji that Telegram has as reactions, without variation selectors."""
MOST_ON_A_MESSAGE = 11


def emoji_reaction(emoji: str) -> Json:
    """The ReactionType of an emoji, in the form in which Telegram returns it."""
    return {"type": "emoji", "emoji": emoji.replace("\ufe0f", "")}


def is_known(reaction: Json) -> bool:
    return reaction["type"] != "emoji" or reaction["emoji"] in EMOJI


@dataclass
class Reactions:
    """Who reacted how to the messages of one chat."""

    by_message: dict[int, dict[int, list[Json]]] = field(default_factory=dict)
    """ReactionType objects, by message_id and by the user's or the bot's id."""

    def of(self, message_id: int, user_id: int) -> list[Json]:
        return self.by_message.get(message_id, {}).get(user_id, [])

    def put(self, message_id: int, user_id: int, reactions: list[Json]) -> None:
        """Replace the reactions of one user; an empty list removes them."""
        of_message = self.by_message.setdefault(message_id, {})
        if reactions:
            of_message[user_id] = reactions
        else:
            of_message.pop(user_id, None)

    def counts(self, message_id: int) -> list[Json]:
        """ReactionCount objects, the most frequent first."""
        kinds = {_key(each): each for given in self.by_message.get(message_id, {}).values() for each in given}
        numbers = Counter(_key(each) for given in self.by_message.get(message_id, {}).values() for each in given)
        return [{"type": kinds[key], "total_count": number} for key, number in numbers.most_common()]


def _key(reaction: Json) -> str:
    return str(reaction.get("emoji") or reaction.get("custom_emoji_id") or reaction["type"])
