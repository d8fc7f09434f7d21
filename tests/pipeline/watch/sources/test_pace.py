"""What takes long is looked at less often."""

from pipeline.watch.sources.pace import EVERY, LookInterval


def test_a_source_is_looked_at_again_after_a_quarter_of_a_second() -> None:
    pace = LookInterval()
    assert pace.due(0.0)
    pace.took(10.0, 0.001)
    assert not pace.due(10.0 + EVERY / 2)
    assert pace.due(10.0 + EVERY)


def test_a_look_of_a_tenth_of_a_second_waits_for_seconds_and_never_longer_than_ten() -> None:
    pace = LookInterval()
    pace.took(10.0, 0.1)
    assert not pace.due(13.0)
    assert pace.due(13.5)
    pace.took(10.0, 60.0)
    assert pace.due(20.0)
