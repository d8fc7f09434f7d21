"""The bot in pyTelegramBotAPI."""

from __future__ import annotations

import os

from telebot import TeleBot, apihelper
from telebot.types import (
    BotCommand,
    CallbackQuery,
    InlineKeyboardButton,
    InlineKeyboardMarkup,
    InputPollOption,
    Message,
    PollAnswer,
)

API = os.environ.get("TELEGRAM_API_URL", "https://api.telegram.org")
ANSWER = "A draft grows word by word."
DRINKS = ["Tea", "Coffee"]
COMMANDS = {"start": "Show the menu", "help": "Say what the bot does", "poll": "Ask what to drink"}

apihelper.API_URL = f"{API}/bot{{0}}/{{1}}"
apihelper.FILE_URL = f"{API}/file/bot{{0}}/{{1}}"
bot = TeleBot(os.environ["TELEGRAM_BOT_TOKEN"])


def menu(pressed: int) -> InlineKeyboardMarkup:
    press_me = InlineKeyboardButton("Press me", callback_data=f"press:{pressed + 1}")
    return InlineKeyboardMarkup([[press_me], [InlineKeyboardButton("Close", callback_data="close")]])


@bot.message_handler(commands=["start"])
def start(message: Message) -> None:
    bot.send_message(message.chat.id, "<b>Menu</b>", parse_mode="HTML", reply_markup=menu(0))


@bot.callback_query_handler(func=lambda query: query.data.startswith("press:"))
def press(query: CallbackQuery) -> None:
    pressed = int(query.data.removeprefix("press:"))
    bot.answer_callback_query(query.id, f"Pressed {pressed}")
    bot.edit_message_text(
        f"<b>Menu</b>, pressed {pressed}",
        query.message.chat.id,
        query.message.message_id,
        parse_mode="HTML",
        reply_markup=menu(pressed),
    )


@bot.callback_query_handler(func=lambda query: query.data == "close")
def close(query: CallbackQuery) -> None:
    bot.answer_callback_query(query.id)
    bot.delete_message(query.message.chat.id, query.message.message_id)


@bot.message_handler(commands=["help"])
def show_help(message: Message) -> None:
    bot.reply_to(message, "Send /start.")


@bot.message_handler(commands=["chat"])
def chat(message: Message) -> None:
    here = bot.get_chat(message.chat.id)
    member = bot.get_chat_member(message.chat.id, message.from_user.id)
    bot.send_message(here.id, f"{here.type}: {member.status}, {here.max_reaction_count} reactions")


@bot.message_handler(commands=["markdown"])
def markdown(message: Message) -> None:
    text = r"*bold*, _italic_, [a link](https://example.org/) and 1\."
    bot.send_message(message.chat.id, text, parse_mode="MarkdownV2")


@bot.message_handler(commands=["html"])
def html(message: Message) -> None:
    text = '<b>bold</b>, <i>italic</i>, <a href="https://example.org/">a link</a> and 1.'
    bot.send_message(message.chat.id, text, parse_mode="HTML")


@bot.message_handler(content_types=["photo"])
def photo(message: Message) -> None:
    file = bot.get_file(message.photo[-1].file_id)
    content = bot.download_file(file.file_path)
    bot.send_photo(message.chat.id, content, caption=f"{len(content)} bytes")


@bot.message_handler(commands=["poll"])
def poll(message: Message) -> None:
    options = [InputPollOption(drink) for drink in DRINKS]
    bot.send_poll(message.chat.id, "What would you like?", options, is_anonymous=False)


@bot.poll_answer_handler()
def poll_answer(answer: PollAnswer) -> None:
    bot.send_message(answer.user.id, f"{DRINKS[answer.option_ids[0]]} it is")


@bot.message_handler(commands=["draft"])
def draft(message: Message) -> None:
    words = ANSWER.split()
    for count in range(1, len(words)):
        bot.send_message_draft(message.chat.id, message.message_id, " ".join(words[:count]))
    bot.send_message(message.chat.id, ANSWER)


def main() -> None:
    bot.set_my_commands([BotCommand(name, what) for name, what in COMMANDS.items()])
    port = int(os.environ.get("WEBHOOK_PORT", "0"))
    if port:
        bot.run_webhooks("127.0.0.1", port, "updates", secret_token=os.environ["WEBHOOK_SECRET"])
    else:
        bot.infinity_polling()


if __name__ == "__main__":
    main()
