"""A bot as aiogram's users write it: it asks the model and replies, keeps everything in memory, and stores nothing.

aiogram handles updates concurrently, whichever chat they are of. For a fair comparison it keeps our promise of order
within a chat (one lock for each chat, taken in order of arrival) and our number of model calls at once.
"""

from __future__ import annotations

import asyncio
import os
from collections import defaultdict

from aiogram import Bot, Dispatcher
from aiogram.client.session.aiohttp import AiohttpSession
from aiogram.client.telegram import TelegramAPIServer
from aiogram.types import Message, ReplyParameters
from openai import AsyncOpenAI

from pipeline.model.request import instructions
from pipeline.settings import RunSettings


async def main() -> None:
    api = TelegramAPIServer.from_base(os.environ["TELEGRAM_API_URL"])
    bot = Bot(os.environ["TELEGRAM_BOT_TOKEN"], session=AiohttpSession(api=api))
    model, prompt = AsyncOpenAI(), instructions()
    chats: defaultdict[int, asyncio.Lock] = defaultdict(asyncio.Lock)
    calls = asyncio.Semaphore(RunSettings.model_fields["concurrency"].default)
    dispatcher = Dispatcher()

    @dispatcher.message()
    async def reply(message: Message) -> None:
        async with chats[message.chat.id]:
            async with calls:
                completion = await model.chat.completions.create(
                    model=os.environ["PIPELINE_MODEL"],
                    messages=[
                        {"role": "system", "content": prompt},
                        {"role": "user", "content": message.text or ""},
                    ],
                )
            to = ReplyParameters(message_id=message.message_id, allow_sending_without_reply=True)
            await bot.send_message(message.chat.id, completion.choices[0].message.content or "", reply_parameters=to)

    await dispatcher.start_polling(bot)


if __name__ == "__main__":
    asyncio.run(main())
