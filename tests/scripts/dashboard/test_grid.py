"""The grid: widgets side by side within the page, and covers are found."""

from __future__ import annotations

from scripts.dashboard.definition import DashboardPage
from scripts.dashboard.grid import WIDTH, boxes, height, overlapping


def _page(*places: tuple[int, int, int, int]) -> DashboardPage:
    layout = [
        {
            "widget": {"name": f"w{i}", "textbox_spec": "x"},
            "position": dict(zip(("x", "y", "width", "height"), at, strict=True)),
        }
        for i, at in enumerate(places)
    ]
    return DashboardPage.model_validate({"name": "p", "layout": layout})


def test_a_row_of_widgets_fills_the_page() -> None:
    page = _page((0, 0, 2, 1), (2, 0, 4, 1), (0, 1, 6, 3))
    placed = boxes(page)
    assert placed["w0"].left == 0
    assert placed["w1"].left > placed["w0"].width
    assert placed["w1"].left + placed["w1"].width == WIDTH
    assert placed["w2"].width == WIDTH
    assert height(page) == placed["w2"].top + placed["w2"].height
    assert overlapping(page) == []


def test_a_widget_over_another_is_found() -> None:
    assert overlapping(_page((0, 0, 3, 2), (3, 0, 3, 2), (2, 1, 2, 2))) == [("w0", "w2"), ("w1", "w2")]


def test_a_page_of_more_columns_is_as_wide() -> None:
    placed = boxes(_page((0, 0, 12, 1)))
    assert placed["w0"].width == WIDTH


def test_an_empty_page_has_no_height() -> None:
    assert height(_page()) == 0
