"""Chromium without a window, for screenshots of pages on this machine."""

from __future__ import annotations

import base64
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pipeline.errors import OperatorError
from scripts.pictures.png import encoded

_PROGRAMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
# The same letters on each machine, as far as its fonts allow: without hints, and smoothed in grey.
_OPTIONS = (
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-lcd-text",
    "--font-render-hinting=none",
)

# The browser decodes its own picture: the pixels come back as they are.
_PIXELS = """async png => {
  const image = new Image();
  image.src = "data:image/png;base64," + png;
  await image.decode();
  const canvas = document.createElement("canvas");
  canvas.width = image.width;
  canvas.height = image.height;
  const context = canvas.getContext("2d");
  context.drawImage(image, 0, 0);
  const bytes = context.getImageData(0, 0, image.width, image.height).data;
  let text = "";
  for (let at = 0; at < bytes.length; at += 32768) text += String.fromCharCode(...bytes.subarray(at, at + 32768));
  return [image.width, btoa(text)];
}"""


class NoBrowser(OperatorError):
    """A picture needs a browser, and there is none. The text says how to get one."""


def installed() -> str | None:
    """The path of a Chromium of this machine."""
    return next(filter(None, map(shutil.which, _PROGRAMS)), None)


def as_root() -> list[str]:
    """What root has to give: Chromium's own sandbox does not start for it."""
    return ["--no-sandbox"] if os.geteuid() == 0 else []


@contextmanager
def chromium() -> Iterator[Any]:
    """Playwright's browser. Raises NoBrowser where Playwright or Chromium is missing."""
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        raise NoBrowser("Playwright is not installed: run `make setup`") from None
    program = installed()
    if program is None:
        raise NoBrowser("no Chromium is installed: install the package chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=[*_OPTIONS, *as_root()])
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def page_of(browser: Any, width: int, height: int) -> Iterator[Any]:
    """A new page in a window of this size, in English, light and without motion."""
    context = browser.new_context(
        viewport={"width": width, "height": height},
        locale="en-GB",
        timezone_id="UTC",
        reduced_motion="reduce",
        color_scheme="light",
    )
    try:
        page = context.new_page()
        page.set_default_timeout(20_000)
        yield page
    finally:
        context.close()


def save(browser: Any, shown: Any, file: Path) -> None:
    """Write what a page, or an element of one, shows, as a PNG of few bytes."""
    raw = shown.screenshot(animations="disabled", caret="hide")
    # On an empty page: the one that is shown may forbid pictures of this kind.
    with page_of(browser, 100, 100) as empty:
        width, pixels = empty.evaluate(_PIXELS, base64.b64encode(raw).decode())
    file.write_bytes(encoded(width, base64.b64decode(pixels)))
