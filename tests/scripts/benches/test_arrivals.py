from __future__ import annotations

from itertools import pairwise

from scripts.benches.arrivals import irregular, pauses, shuffled


def test_messages_come_in_the_given_number_and_time_and_never_in_step() -> None:
    times = irregular(180, 60.0, seed=3)
    assert len(times) == 180
    assert times == sorted(times)
    assert times[0] >= 0
    assert times[-1] <= 60
    gaps = [later - earlier for earlier, later in pairwise(times)]
    assert min(gaps) < 0.1
    assert max(gaps) > 1.0


def test_each_contender_gets_the_same_times_and_each_seed_its_own() -> None:
    assert irregular(20, 5.0, seed=1) == irregular(20, 5.0, seed=1) != irregular(20, 5.0, seed=2)
    assert pauses(20, 0.5, 1.5, seed=1) == pauses(20, 0.5, 1.5, seed=1) != pauses(20, 0.5, 1.5, seed=2)


def test_pauses_stay_within_their_bounds() -> None:
    found = pauses(200, 0.5, 1.5, seed=1)
    assert min(found) >= 0.5
    assert max(found) <= 1.5
    assert max(found) - min(found) > 0.5


def test_shuffled_texts_are_the_same_texts_in_another_order() -> None:
    texts = [str(number) for number in range(50)]
    assert shuffled(texts, seed=1) != texts
    assert sorted(shuffled(texts, seed=1)) == sorted(texts)
