"""The live page beside the chat, of a real run that has just answered: `live.png`, and `live-phone.png`."""

from __future__ import annotations

from pathlib import Path

from pipeline.sandbox.telegram.people.messages import UserMessage
from pipeline.sandbox.telegram.simulator import Telegram
from pipeline.settings import StorageSettings
from pipeline.watch.served import watching
from scripts.pictures.browser import chromium, page_of, save
from scripts.pictures.runs import running_pipeline, wait

WIDE, PHONE = (1440, 860), (390, 860)
"""Width and height of the windows, in pixels."""

_ADA = 1
_ANSWERS = {
    "When does the library open on Sundays?": "On Sundays the library is open from ten to six.",
    "Wie lange ist ein Paket nach Oslo unterwegs?": "Meist drei bis fünf Werktage.",
    "¿Qué significa «idempotente»?": "Que repetir una operación no cambia el resultado.",
    "And on Mondays?": "On Mondays it opens at nine and closes at eight.",
}
_QUESTIONS = tuple(_ANSWERS)
_LAST = _QUESTIONS[-1]
_NAME_OF_THE_FOLDER = "document.getElementById('run-text').textContent = '@sandbox_bot · micro-batch 4 · /srv/bot'"
"""The folder is another one for each picture."""


def take(images: Path) -> None:
    """Take both pictures. Raises NoBrowser, and OperatorError if the run does not start."""
    with (
        chromium() as browser,
        running_pipeline(_ANSWERS) as (telegram, api, storage),
        watching(StorageSettings(storage=storage).places, chat=api) as served,
    ):
        _converse(telegram)
        for (width, height), name in ((WIDE, "live.png"), (PHONE, "live-phone.png")):
            with page_of(browser, width, height) as page:
                page.goto(served.url)
                shown = page.get_by_role("option").filter(has_text=_LAST)
                shown.wait_for()
                shown.click()
                # The last step of a trace: the row is in silver.
                page.locator("[data-step=in-silver][data-state=done]").wait_for()
                page.locator("[data-stage=bronze]").get_by_text(str(len(_QUESTIONS)), exact=True).first.wait_for()
                page.evaluate(_NAME_OF_THE_FOLDER)
                page.evaluate("document.activeElement.blur()")
                save(browser, page, images / name)


def _converse(telegram: Telegram) -> None:
    """People write one after the other, each when the one before has the answer."""
    for number, text in enumerate(_QUESTIONS, start=1):
        chat = _ADA if text in (_QUESTIONS[0], _LAST) else 10 + number
        telegram.receive(UserMessage(chat_id=chat, first_name="Ada" if chat == _ADA else f"User {number}", text=text))
        wait(lambda: len(telegram.sent()) == number, 30.0, "a message is not answered")  # noqa: B023
