"""Axes: round numbers, days in proportion, names that fit."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from itertools import pairwise

import pytest

from scripts.dashboard.axes import NumberAxis, names, shortened, steps, times

TODAY = date(2026, 11, 26)


@pytest.mark.parametrize(
    ("lowest", "highest", "marks"),
    [
        (3, 98, [0, 20, 40, 60, 80, 100]),
        (0, 0.03, [0, 0.01, 0.02, 0.03]),
        (0, 0, [0, 0.2, 0.4, 0.6, 0.8, 1]),
        (-4, 4, [-4, -2, 0, 2, 4]),
        (0, 1, [0, 0.2, 0.4, 0.6, 0.8, 1]),
    ],
)
def test_marks_are_round_numbers_around_the_values(lowest: float, highest: float, marks: list[float]) -> None:
    assert steps(lowest, highest) == pytest.approx(marks)


def test_counts_are_marked_at_whole_numbers() -> None:
    assert steps(0, 0, least=1.0) == [0, 1]
    assert steps(0, 2, least=1.0) == [0, 1, 2]


def test_a_number_is_in_proportion_between_the_ends() -> None:
    assert NumberAxis(0, 10, 200, 0).at(2.5) == 150


def test_a_day_without_rows_has_its_room() -> None:
    days = [TODAY - timedelta(days=ago) for ago in (4, 3, 0)]
    axis = times(days, 0, 500)
    assert axis.room == 100
    assert [axis.places[day] for day in days] == [50, 150, 450]


def test_labels_of_days_do_not_overlap() -> None:
    axis = times([TODAY - timedelta(days=ago) for ago in range(30)], 0, 500)
    assert len(axis.marks) > 3
    assert all(later.at - earlier.at >= 50 for earlier, later in pairwise(axis.marks))
    assert all(mark.label[0] != "0" for mark in axis.marks)


def test_a_single_day_is_in_the_middle_under_its_label() -> None:
    axis = times([TODAY], 0, 100)
    assert axis.places[TODAY] == 50
    assert [mark.label for mark in axis.marks] == ["26 Nov"]


def test_hours_are_labelled_with_their_time() -> None:
    axis = times([datetime(2026, 11, 26, hour).astimezone() for hour in range(4)], 0, 500)
    assert all(":00" in mark.label for mark in axis.marks)


def test_no_day_gives_an_empty_axis() -> None:
    assert times([None], 0, 100).marks == ()


def test_names_share_the_room_in_their_order() -> None:
    axis = names(["b", "a", "b"], 0, 100)
    assert axis.places == {"b": 25, "a": 75}
    assert [mark.label for mark in axis.marks] == ["b", "a"]


def test_a_long_name_is_cut() -> None:
    assert shortened("a name of many words", 60) == "a name o…"
    assert shortened("short", 60) == "short"
