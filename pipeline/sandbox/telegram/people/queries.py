"""People press inline buttons, and use the bot in inline mode.

https://core.telegram.org/bots/api#callbackquery, https://core.telegram.org/bots/api#inline-mode.
"""

from pydantic import BaseModel, ConfigDict, Field

from pipeline.sandbox.json_types import Json
from pipeline.sandbox.telegram.content.media import inline_file
from pipeline.sandbox.telegram.content.queries import CallbackQuery, InlineQuery, chat_instance
from pipeline.sandbox.telegram.errors import MethodError
from pipeline.sandbox.telegram.people.messages import UserMessage, write_message
from pipeline.sandbox.telegram.people.table import person_action
from pipeline.sandbox.telegram.state import TelegramState

_LONGEST_QUERY = 256


class ButtonPress(BaseModel):
    """A press on a button of an inline keyboard, which `data` or `text` names."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"message_id": 2, "data": "yes"}]})

    chat_id: int = 1
    message_id: int
    data: str | None = Field(default=None, description="The button's callback_data.")
    text: str | None = Field(default=None, description="The button's label.")
    user_id: int | None = Field(default=None, description="By default the chat's id in a private chat, else 1.")


class AskedAnswer(BaseModel):
    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"callback_query_id": "4294967297"}]})

    callback_query_id: str


class InlineTyping(BaseModel):
    """The bot's username and a text, typed in a chat but not sent."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"query": "tea"}]})

    query: str = Field(default="", max_length=_LONGEST_QUERY)
    offset: str = Field(default="", description="The next_offset of the answer before, for more results.")
    chat_id: int = Field(default=1, description="Where the person types it.")
    user_id: int | None = Field(default=None, description="By default the chat's id in a private chat, else 1.")


class AskedResults(BaseModel):
    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"inline_query_id": "4294967298"}]})

    inline_query_id: str


class ChosenResult(BaseModel):
    """One of the results, which the person sends."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"inline_query_id": "4294967298", "result_id": "1"}]}
    )

    inline_query_id: str
    result_id: str
    chat_id: int | None = Field(default=None, description="By default where the query was typed.")
    user_id: int | None = Field(default=None, description="By default who typed the query; nobody else can choose.")


@person_action("callbacks")
def press(state: TelegramState, given: ButtonPress) -> Json:
    """A pressed button sends its data as a callback_query, with its message or, if it was sent via the bot, an id."""
    chat = state.chats.by_id.get(given.chat_id)
    message = None if chat is None else chat.messages.get(given.message_id)
    if chat is None or message is None:
        raise KeyError(f"chat {given.chat_id} has no message {given.message_id}")
    data = _pressed_data(message, given)
    user = state.chats.user(chat.person(given.user_id), {})
    query = CallbackQuery(state.queries.new_id(user["id"]), user["id"], chat.id, state.now())
    state.queries.callbacks[query.id] = query
    inline_id = state.queries.inline_message_id(chat.id, given.message_id)
    content: Json = {"id": query.id, "from": user, "chat_instance": chat_instance(chat.id), "data": data}
    content |= {"message": message} if inline_id is None else {"inline_message_id": inline_id}
    return {"callback_query_id": query.id, "update_id": state.updates.offer("callback_query", content)}


@person_action("callbacks/answer")
def see_answer(state: TelegramState, given: AskedAnswer) -> Json:
    """What the person sees of the bot's answer: a text, an alert, or a page that opens."""
    query = state.queries.callbacks.get(given.callback_query_id)
    if query is None:
        raise KeyError(f"nobody asked callback query {given.callback_query_id}")
    nothing = {"text": "", "show_alert": False, "url": ""}
    return {"answered": query.answer is not None, **(query.answer or nothing)}


@person_action("inline_queries")
def type_query(state: TelegramState, given: InlineTyping) -> Json:
    """A text of up to 256 characters behind the bot's name is an inline_query; it says in what kind of chat."""
    chat = state.chats.existing_or_new(given.chat_id)
    user = state.chats.user(chat.person(given.user_id), {})
    query = InlineQuery(state.queries.new_id(user["id"]), user, chat.id, given.query, state.now())
    state.queries.inline[query.id] = query
    content = {
        "id": query.id,
        "from": user,
        # The private chats of the simulator are those with the bot itself.
        "chat_type": "sender" if chat.type == "private" else chat.type,
        "query": given.query,
        "offset": given.offset,
    }
    return {"inline_query_id": query.id, "update_id": state.updates.offer("inline_query", content)}


@person_action("inline_queries/results")
def see_results(state: TelegramState, given: AskedResults) -> Json:
    """The results that the bot offers, with the offset for more."""
    query = _asked(state, given.inline_query_id)
    offered = {"results": [], "next_offset": "", "button": None} if query.answer is None else query.answer.as_json()
    return {"answered": query.answer is not None, **offered}


@person_action("inline_results")
def choose(state: TelegramState, given: ChosenResult) -> Json:
    """A chosen result becomes the person's message via the bot, and chosen_inline_result tells the bot which it was.

    With an inline keyboard it also has an inline_message_id.
    """
    query = _asked(state, given.inline_query_id)
    if given.user_id not in (None, query.user["id"]):
        raise ValueError(f"user {query.user['id']} asked, so user {given.user_id} can't choose")
    results = [] if query.answer is None else query.answer.results
    result = next((each for each in results if each.id == given.result_id), None)
    if result is None:
        raise KeyError(f"the bot offered no result {given.result_id}")
    try:
        sent = result.content if result.content is not None else inline_file(state.files, result.given)
    except MethodError as error:
        raise ValueError(error.description) from None
    chat_id = query.chat_id if given.chat_id is None else given.chat_id
    markup = {} if result.reply_markup is None else {"reply_markup": result.reply_markup}
    delivered = write_message(
        state,
        UserMessage(
            chat_id=chat_id,
            user_id=query.user["id"],
            first_name=query.user["first_name"],
            extra={"via_bot": state.account.as_user(), **sent, **markup},
        ),
    )
    content: Json = {"result_id": result.id, "from": query.user, "query": query.query}
    inline_id = state.queries.keep_place(chat_id, delivered.message_id) if markup else None
    if inline_id is not None:
        content["inline_message_id"] = inline_id
    return {
        "message_id": delivered.message_id,
        "inline_message_id": inline_id,
        "update_ids": [delivered.update_id, state.updates.offer("chosen_inline_result", content)],
    }


def _pressed_data(message: Json, given: ButtonPress) -> str:
    """The callback_data of the button. ValueError when there is no such button, or it sends no callback query."""
    if given.data is None and given.text is None:
        raise ValueError("say which button: its data or its text")
    wanted = {"callback_data": given.data, "text": given.text}
    buttons = [button for row in message.get("reply_markup", {}).get("inline_keyboard", []) for button in row]
    for button in buttons:
        if all(value is None or button.get(name) == value for name, value in wanted.items()):
            data: str | None = button.get("callback_data")
            if data is None:
                raise ValueError(f"the button {button['text']!r} sends no callback query")
            return data
    raise ValueError(f"message {given.message_id} has no such button")


def _asked(state: TelegramState, inline_query_id: str) -> InlineQuery:
    query = state.queries.inline.get(inline_query_id)
    if query is None:
        raise KeyError(f"nobody asked inline query {inline_query_id}")
    return query
