"""The bot in aiogram."""

from __future__ import annotations

import asyncio
import logging
import os

from aiogram import Bot, Dispatcher, F
from aiogram.client.session.aiohttp import AiohttpSession
from aiogram.client.telegram import TelegramAPIServer
from aiogram.enums import ParseMode
from aiogram.filters import Command, CommandStart
from aiogram.methods import SendMessage
from aiogram.types import (
    BotCommand,
    BufferedInputFile,
    CallbackQuery,
    InlineKeyboardButton,
    InlineKeyboardMarkup,
    Message,
    PollAnswer,
)
from aiogram.webhook.aiohttp_server import SimpleRequestHandler, setup_application
from aiohttp import web

API = os.environ.get("TELEGRAM_API_URL", "https://api.telegram.org")
ANSWER = "A draft grows word by word."
DRINKS = ["Tea", "Coffee"]
COMMANDS = {"start": "Show the menu", "help": "Say what the bot does", "poll": "Ask what to drink"}

dispatcher = Dispatcher()


def menu(pressed: int) -> InlineKeyboardMarkup:
    press_me = InlineKeyboardButton(text="Press me", callback_data=f"press:{pressed + 1}")
    close_it = InlineKeyboardButton(text="Close", callback_data="close")
    return InlineKeyboardMarkup(inline_keyboard=[[press_me], [close_it]])


@dispatcher.startup()
async def set_commands(bot: Bot) -> None:
    await bot.set_my_commands([BotCommand(command=name, description=what) for name, what in COMMANDS.items()])


@dispatcher.message(CommandStart())
async def start(message: Message) -> None:
    await message.answer("<b>Menu</b>", parse_mode=ParseMode.HTML, reply_markup=menu(0))


@dispatcher.callback_query(F.data.startswith("press:"))
async def press(query: CallbackQuery) -> None:
    pressed = int((query.data or "").removeprefix("press:"))
    await query.answer(f"Pressed {pressed}")
    if isinstance(query.message, Message):
        await query.message.edit_text(
            f"<b>Menu</b>, pressed {pressed}", parse_mode=ParseMode.HTML, reply_markup=menu(pressed)
        )


@dispatcher.callback_query(F.data == "close")
async def close(query: CallbackQuery) -> None:
    await query.answer()
    if isinstance(query.message, Message):
        await query.message.delete()


@dispatcher.message(Command("help"))
async def show_help(message: Message) -> SendMessage:
    # A method that is returned and not awaited is the answer to the webhook's request.
    return message.reply("Send /start.")


@dispatcher.message(Command("chat"))
async def chat(message: Message, bot: Bot) -> None:
    here = await bot.get_chat(message.chat.id)
    member = await bot.get_chat_member(message.chat.id, message.from_user.id if message.from_user else 0)
    await message.answer(f"{here.type}: {member.status}, {here.max_reaction_count} reactions")


@dispatcher.message(Command("markdown"))
async def markdown(message: Message) -> None:
    text = r"*bold*, _italic_, [a link](https://example.org/) and 1\."
    await message.answer(text, parse_mode=ParseMode.MARKDOWN_V2)


@dispatcher.message(Command("html"))
async def html(message: Message) -> None:
    text = '<b>bold</b>, <i>italic</i>, <a href="https://example.org/">a link</a> and 1.'
    await message.answer(text, parse_mode=ParseMode.HTML)


@dispatcher.message(F.photo[-1].as_("size"))
async def photo(message: Message, bot: Bot) -> None:
    downloaded = await bot.download((message.photo or [])[-1])
    content = downloaded.read() if downloaded else b""
    await message.answer_photo(BufferedInputFile(content, "photo.png"), caption=f"{len(content)} bytes")


@dispatcher.message(Command("poll"))
async def poll(message: Message) -> None:
    await message.answer_poll("What would you like?", [*DRINKS], is_anonymous=False)


@dispatcher.poll_answer()
async def poll_answer(answer: PollAnswer, bot: Bot) -> None:
    if answer.user is not None:
        await bot.send_message(answer.user.id, f"{DRINKS[answer.option_ids[0]]} it is")


@dispatcher.message(Command("draft"))
async def draft(message: Message, bot: Bot) -> None:
    words = ANSWER.split()
    for count in range(1, len(words)):
        await bot.send_message_draft(message.chat.id, message.message_id, text=" ".join(words[:count]))
    await message.answer(ANSWER)


def main() -> None:
    logging.basicConfig(level=logging.WARNING)
    session = AiohttpSession(api=TelegramAPIServer.from_base(API))
    bot = Bot(os.environ["TELEGRAM_BOT_TOKEN"], session=session)
    port = int(os.environ.get("WEBHOOK_PORT", "0"))
    if not port:
        asyncio.run(dispatcher.start_polling(bot))
        return
    secret = os.environ["WEBHOOK_SECRET"]

    @dispatcher.startup()
    async def set_webhook() -> None:
        await bot.set_webhook(f"http://127.0.0.1:{port}/updates", secret_token=secret)

    app = web.Application()
    SimpleRequestHandler(dispatcher, bot, handle_in_background=False, secret_token=secret).register(app, "/updates")
    setup_application(app, dispatcher, bot=bot)
    web.run_app(app, host="127.0.0.1", port=port)


if __name__ == "__main__":
    main()
