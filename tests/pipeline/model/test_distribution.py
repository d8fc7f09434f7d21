"""From how many questions on a batch is distributed, in how many jobs, and in which chunks."""

from itertools import product

import pytest

from pipeline.model.distribution import Layout, chunk_size, layout, threshold
from pipeline.platform.executors import Executors


@pytest.mark.parametrize(
    ("setting", "has_executors", "above"),
    [(None, False, None), (None, True, 64), (0, True, 0), (9, True, 9), (9, False, 9)],
)
def test_large_batches_go_to_executors_where_there_are_any_and_a_number_that_is_set_wins(
    setting: int | None, has_executors: bool, above: int | None
) -> None:
    assert threshold(setting, 16, has_executors=has_executors) == above


@pytest.mark.parametrize(
    ("executors", "expected"),
    [
        (Executors(1, 1), Layout(1, 16)),
        (Executors(2, 2), Layout(2, 16)),
        (Executors(2, 8), Layout(7, 4)),
        (Executors(1, 2), Layout(1, 16)),
        (Executors(100, 100), Layout(100, 16)),
    ],
)
def test_each_executor_makes_its_calls_and_the_stream_keeps_a_place_if_there_are_several(
    executors: Executors, expected: Layout
) -> None:
    assert layout(executors, 16) == expected


def test_while_no_executor_is_there_one_job_waits_for_it() -> None:
    assert layout(Executors(0, 0), 16) == Layout(1, 16)


@pytest.mark.parametrize(
    ("count", "cores", "concurrency"), list(product((0, 1, 2, 5), (1, 2, 4, 16), (1, 3, 64, 1000)))
)
def test_no_layout_makes_more_calls_at_once_than_the_executors_may(count: int, cores: int, concurrency: int) -> None:
    jobs, threads = layout(Executors(count, count * cores), concurrency)
    assert jobs >= 1
    assert threads >= 1
    assert jobs * threads <= concurrency * max(1, count)


def chunks(questions: int, plan: Layout) -> list[int]:
    """The chunks of a batch, one after the other."""
    sizes = []
    while questions > 0:
        sizes.append(min(chunk_size(questions, plan), questions))
        questions -= sizes[-1]
    return sizes


@pytest.mark.parametrize(
    ("questions", "plan", "expected"),
    [
        (1, Layout(2, 16), [1]),
        (20, Layout(2, 16), [16, 4]),
        (128, Layout(2, 16), [64, 32, 16, 16]),
        (300, Layout(3, 42), [126, 84, 42, 42, 6]),
        (224, Layout(2, 16), [64, 64, 48, 32, 16]),
    ],
)
def test_chunks_are_whole_rounds_and_smaller_at_the_end(questions: int, plan: Layout, expected: list[int]) -> None:
    assert chunks(questions, plan) == expected


@pytest.mark.parametrize("questions", [1, 15, 16, 17, 500, 2000])
def test_two_executors_need_at_most_one_round_more_than_half_of_what_one_needs(questions: int) -> None:
    def rounds(jobs: int) -> int:
        ends = [0] * jobs
        for size in chunks(questions, Layout(jobs, 16)):
            ends.sort()
            ends[0] += -(-size // 16)
        return max(ends)

    assert rounds(2) <= rounds(1) / 2 + 1
