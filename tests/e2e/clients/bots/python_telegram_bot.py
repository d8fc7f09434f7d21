"""The bot in python-telegram-bot."""

from __future__ import annotations

import logging
import os
from typing import TypeAlias

from telegram import InlineKeyboardButton, InlineKeyboardMarkup, ReplyParameters, Update
from telegram.constants import ParseMode
from telegram.ext import (
    Application,
    CallbackQueryHandler,
    CommandHandler,
    ContextTypes,
    MessageHandler,
    PollAnswerHandler,
    filters,
)

Context: TypeAlias = ContextTypes.DEFAULT_TYPE

API = os.environ.get("TELEGRAM_API_URL", "https://api.telegram.org")
ANSWER = "A draft grows word by word."
DRINKS = ["Tea", "Coffee"]
COMMANDS = [("start", "Show the menu"), ("help", "Say what the bot does"), ("poll", "Ask what to drink")]


def menu(pressed: int) -> InlineKeyboardMarkup:
    press_me = InlineKeyboardButton("Press me", callback_data=f"press:{pressed + 1}")
    return InlineKeyboardMarkup([[press_me], [InlineKeyboardButton("Close", callback_data="close")]])


async def start(update: Update, _: Context) -> None:
    await update.message.reply_text("<b>Menu</b>", ParseMode.HTML, reply_markup=menu(0))


async def press(update: Update, _: Context) -> None:
    pressed = int(update.callback_query.data.removeprefix("press:"))
    await update.callback_query.answer(f"Pressed {pressed}")
    await update.callback_query.edit_message_text(
        f"<b>Menu</b>, pressed {pressed}", ParseMode.HTML, reply_markup=menu(pressed)
    )


async def close(update: Update, _: Context) -> None:
    await update.callback_query.answer()
    await update.callback_query.delete_message()


async def show_help(update: Update, _: Context) -> None:
    await update.message.reply_text("Send /start.", reply_parameters=ReplyParameters(update.message.message_id))


async def chat(update: Update, context: Context) -> None:
    here = await context.bot.get_chat(update.effective_chat.id)
    member = await here.get_member(update.effective_user.id)
    await update.message.reply_text(f"{here.type}: {member.status}, {here.max_reaction_count} reactions")


async def markdown(update: Update, _: Context) -> None:
    await update.message.reply_markdown_v2(r"*bold*, _italic_, [a link](https://example.org/) and 1\.")


async def html(update: Update, _: Context) -> None:
    await update.message.reply_html('<b>bold</b>, <i>italic</i>, <a href="https://example.org/">a link</a> and 1.')


async def photo(update: Update, _: Context) -> None:
    file = await update.message.photo[-1].get_file()
    content = bytes(await file.download_as_bytearray())
    await update.message.reply_photo(content, caption=f"{len(content)} bytes")


async def poll(update: Update, _: Context) -> None:
    await update.message.reply_poll("What would you like?", DRINKS, is_anonymous=False)


async def poll_answer(update: Update, context: Context) -> None:
    chosen = DRINKS[update.poll_answer.option_ids[0]]
    await context.bot.send_message(update.poll_answer.user.id, f"{chosen} it is")


async def draft(update: Update, context: Context) -> None:
    words = ANSWER.split()
    for count in range(1, len(words)):
        await context.bot.send_message_draft(update.message.chat_id, update.message.message_id, " ".join(words[:count]))
    await update.message.reply_text(ANSWER)


async def set_commands(application: Application) -> None:
    await application.bot.set_my_commands(COMMANDS)


def main() -> None:
    logging.basicConfig(level=logging.WARNING)
    builder = Application.builder().token(os.environ["TELEGRAM_BOT_TOKEN"])
    builder = builder.base_url(f"{API}/bot").base_file_url(f"{API}/file/bot")
    application = builder.post_init(set_commands).build()
    for command, answer in {
        "start": start,
        "help": show_help,
        "chat": chat,
        "markdown": markdown,
        "html": html,
        "poll": poll,
        "draft": draft,
    }.items():
        application.add_handler(CommandHandler(command, answer))
    application.add_handler(CallbackQueryHandler(press, pattern="^press:"))
    application.add_handler(CallbackQueryHandler(close, pattern="^close$"))
    application.add_handler(MessageHandler(filters.PHOTO, photo))
    application.add_handler(PollAnswerHandler(poll_answer))
    port = int(os.environ.get("WEBHOOK_PORT", "0"))
    if port:
        application.run_webhook(
            "127.0.0.1",
            port,
            "updates",
            webhook_url=f"http://127.0.0.1:{port}/updates",
            secret_token=os.environ["WEBHOOK_SECRET"],
        )
    else:
        application.run_polling()


if __name__ == "__main__":
    main()
