"""The colours of the chat page: every text can be read, light and dark."""

import re
from importlib.resources import files

import pytest

_COLOURS = files("pipeline.sandbox.web").joinpath("page/style/colours.css").read_text("utf-8")
_LIGHT_DARK = re.compile(r"--([\w-]+): light-dark\((#[0-9a-f]{6}), (#[0-9a-f]{6})\);")
_ONE = re.compile(r"--([\w-]+): (#[0-9a-f]{6});")

_LIGHT = {name: light for name, light, _ in _LIGHT_DARK.findall(_COLOURS)} | dict(_ONE.findall(_COLOURS))
_DARK = {name: dark for name, _, dark in _LIGHT_DARK.findall(_COLOURS)} | dict(_ONE.findall(_COLOURS))

_GROUNDS = ["page", "panel", "raised", "chosen", "bot", "mine", "other", "failed"]
_TEXTS = [
    *(("ink", ground) for ground in _GROUNDS),
    *(("faint", ground) for ground in _GROUNDS),
    *(("accent", ground) for ground in ["page", "panel", "raised", "chosen", "bot", "mine", "other"]),
    *(("danger", ground) for ground in ["failed", "raised", "mine", "bot", "other"]),
    *((f"name-{number}", ground) for number in range(7) for ground in ["bot", "other"]),
    *(("good", ground) for ground in ["raised", "bot", "mine", "other"]),
    ("on-strong", "strong"),
]
_MINIMUM = 4.5
"""https://www.w3.org/TR/WCAG22/#contrast-minimum"""
_MINIMUM_OF_EDGES = 3.0
"""https://www.w3.org/TR/WCAG22/#non-text-contrast"""


def _luminance(colour: str) -> float:
    channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _contrast(one: str, other: str) -> float:
    lighter, darker = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize("colours", [_LIGHT, _DARK], ids=["light", "dark"])
def test_each_text_stands_out_from_what_it_is_on(colours: dict[str, str]) -> None:
    """No rule of the Bot API: WCAG asks for a contrast of 4.5."""
    measured = {pair: _contrast(colours[pair[0]], colours[pair[1]]) for pair in _TEXTS}
    measured |= {("white", f"face-{number}"): _contrast("#ffffff", colours[f"face-{number}"]) for number in range(7)}
    assert {pair: round(value, 2) for pair, value in measured.items() if value < _MINIMUM} == {}


@pytest.mark.parametrize("colours", [_LIGHT, _DARK], ids=["light", "dark"])
def test_the_edge_of_each_field_and_button_can_be_seen(colours: dict[str, str]) -> None:
    """No rule of the Bot API: WCAG asks for a contrast of 3."""
    grounds = ["page", "panel", "raised", "bot", "mine", "other"]
    measured = {ground: _contrast(colours["edge"], colours[ground]) for ground in grounds}
    assert {ground: round(value, 2) for ground, value in measured.items() if value < _MINIMUM_OF_EDGES} == {}


def test_no_other_style_names_a_colour() -> None:
    """No rule of the Bot API: what is not in the one list is not measured."""
    folder = files("pipeline.sandbox.web").joinpath("page/style")
    others = {entry.name: entry.read_text("utf-8") for entry in folder.iterdir() if entry.name != "colours.css"}
    named = {name: re.findall(r"#[0-9a-fA-F]{3,8}\b(?=[;\s,)])", text) for name, text in others.items()}
    assert others
    assert {name: found for name, found in named.items() if found} == {}
