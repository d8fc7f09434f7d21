// The bot in grammY.

import { createServer } from "node:http";
import { Bot, InlineKeyboard, InputFile, webhookCallback } from "grammy";

const {
  TELEGRAM_BOT_TOKEN: token,
  TELEGRAM_API_URL: apiRoot = "https://api.telegram.org",
  WEBHOOK_PORT: port,
  WEBHOOK_SECRET: secret_token,
} = process.env;
const ANSWER = "A draft grows word by word.";
const DRINKS = ["Tea", "Coffee"];
const COMMANDS = { start: "Show the menu", help: "Say what the bot does", poll: "Ask what to drink" };

// A message is sent as the answer to the webhook's request where that is possible.
const bot = new Bot(token, { client: { apiRoot, canUseWebhookReply: (method) => method === "sendMessage" } });

const menu = (pressed) => new InlineKeyboard().text("Press me", `press:${pressed + 1}`).row().text("Close", "close");

bot.command("start", (ctx) => ctx.reply("<b>Menu</b>", { parse_mode: "HTML", reply_markup: menu(0) }));

bot.callbackQuery(/^press:(\d+)$/, async (ctx) => {
  const pressed = Number(ctx.match[1]);
  await ctx.answerCallbackQuery(`Pressed ${pressed}`);
  await ctx.editMessageText(`<b>Menu</b>, pressed ${pressed}`, { parse_mode: "HTML", reply_markup: menu(pressed) });
});

bot.callbackQuery("close", async (ctx) => {
  await ctx.answerCallbackQuery();
  await ctx.deleteMessage();
});

bot.command("help", (ctx) => ctx.reply("Send /start.", { reply_parameters: { message_id: ctx.msgId } }));

bot.command("chat", async (ctx) => {
  const here = await ctx.getChat();
  const member = await ctx.getAuthor();
  await ctx.reply(`${here.type}: ${member.status}, ${here.max_reaction_count} reactions`);
});

bot.command("markdown", (ctx) =>
  ctx.reply("*bold*, _italic_, [a link](https://example.org/) and 1\\.", { parse_mode: "MarkdownV2" }),
);

bot.command("html", (ctx) =>
  ctx.reply('<b>bold</b>, <i>italic</i>, <a href="https://example.org/">a link</a> and 1.', { parse_mode: "HTML" }),
);

bot.on("message:photo", async (ctx) => {
  const file = await ctx.getFile();
  const downloaded = await fetch(`${apiRoot}/file/bot${token}/${file.file_path}`);
  const content = new Uint8Array(await downloaded.arrayBuffer());
  await ctx.replyWithPhoto(new InputFile(content), { caption: `${content.length} bytes` });
});

bot.command("poll", (ctx) => ctx.replyWithPoll("What would you like?", DRINKS, { is_anonymous: false }));

bot.on("poll_answer", (ctx) =>
  ctx.api.sendMessage(ctx.pollAnswer.user.id, `${DRINKS[ctx.pollAnswer.option_ids[0]]} it is`),
);

bot.command("draft", async (ctx) => {
  const words = ANSWER.split(" ");
  for (let count = 1; count < words.length; count++) {
    await ctx.api.sendMessageDraft(ctx.chatId, ctx.msgId, words.slice(0, count).join(" "));
  }
  await ctx.reply(ANSWER);
});

await bot.api.setMyCommands(Object.entries(COMMANDS).map(([command, description]) => ({ command, description })));
if (port) {
  createServer(webhookCallback(bot, "http", { secretToken: secret_token })).listen(Number(port), "127.0.0.1", () =>
    bot.api.setWebhook(`http://127.0.0.1:${port}/updates`, { secret_token }),
  );
} else {
  await bot.start();
}
