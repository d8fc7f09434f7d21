"""Counts of calls, and offsets."""

from pipeline.sandbox.web.call_log import CallLog


def test_a_call_that_has_not_ended_has_no_outcome_yet() -> None:
    log = CallLog()
    log.began("getMe")
    assert log.as_json() == {"methods": {"getMe": 1}, "statuses": {}, "outcomes": {"getMe": {}}, "offsets": []}


def test_outcomes_are_counted_for_each_method_and_for_all() -> None:
    log = CallLog()
    for method, outcome in (("getMe", "200"), ("getMe", "401"), ("sendMessage", "200")):
        log.began(method)
        log.ended(method, outcome)
    counts = log.as_json()
    assert counts["methods"] == {"getMe": 2, "sendMessage": 1}
    assert counts["statuses"] == {"200": 2, "401": 1}
    assert counts["outcomes"] == {"getMe": {"200": 1, "401": 1}, "sendMessage": {"200": 1}}


def test_an_offset_that_is_missing_or_not_a_number_is_recorded_as_none() -> None:
    log = CallLog()
    for parameters in ({}, {"offset": "7"}, {"offset": "x"}, {"offset": float("inf")}):
        log.polled(parameters)
    assert log.as_json()["offsets"] == [None, 7, None, None]
