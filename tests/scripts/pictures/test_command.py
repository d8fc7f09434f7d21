"""The command takes the pictures that are named, and leaves those that need a browser where there is none."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest

from pipeline.errors import OperatorError
from scripts.pictures import __main__ as command
from scripts.pictures.browser import NoBrowser, chromium
from scripts.pictures.gallery import GALLERY, IMAGES


@pytest.fixture
def taken(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The pictures that were taken; `chat` finds no browser."""
    done: list[str] = []

    def take(name: str, images: Path) -> None:
        assert images == IMAGES
        if name == "chat":
            raise NoBrowser("no Chromium is installed")
        done.append(name)

    for name in GALLERY:
        monkeypatch.setitem(GALLERY, name, partial(take, name))
    return done


def test_without_names_all_are_taken_and_a_missing_browser_is_said(
    taken: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    command.pictures()
    assert taken == [name for name in GALLERY if name != "chat"]
    assert capsys.readouterr().err == "chat: left as it is, no Chromium is installed\n"


def test_only_those_named_are_taken(taken: list[str]) -> None:
    command.pictures(["status"])
    assert taken == ["status"]


def test_a_name_that_does_not_exist_is_refused_before_anything_is_taken(taken: list[str]) -> None:
    with pytest.raises(OperatorError, match=r"there is no picture 'x': name some of .*dashboard"):
        command.pictures(["status", "x"])
    assert taken == []


def test_a_machine_without_chromium_is_told_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("playwright.sync_api")
    monkeypatch.setenv("PATH", "")
    with pytest.raises(NoBrowser, match="install the package chromium"), chromium():
        pass
