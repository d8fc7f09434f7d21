"""Python looks for garbage seldom while a run is under way."""

import gc

from pipeline.run.garbage import rare_collections


def test_what_is_there_already_is_not_looked_at_and_new_objects_seldom() -> None:
    before, frozen = gc.get_threshold(), gc.get_freeze_count()
    with rare_collections():
        assert gc.get_threshold()[0] > 10 * before[0]
        assert gc.get_freeze_count() > frozen
    assert (gc.get_threshold(), gc.get_freeze_count()) == (before, 0)


def test_garbage_of_the_run_itself_is_collected() -> None:
    with rare_collections():
        cycles = [[object()] for _ in range(10)]
        for cycle in cycles:
            cycle.append(cycle)
        del cycles, cycle
        assert gc.collect() >= 10
