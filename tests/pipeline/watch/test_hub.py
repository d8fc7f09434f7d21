"""Who opens the page gets what it shows now, and then each change once."""

from __future__ import annotations

import json

from pipeline.watch.hub import Event, Hub


def test_a_listener_gets_the_present_and_then_each_change_until_it_ends() -> None:
    hub = Hub()
    hub.show("run", {"state": "serving"})
    hub.show_messages({"1": ({"key": "1"}, {"all": 1})}, [])
    later: list[Event] = []
    now, end = hub.listen(later.append)
    assert {event.type: json.loads(event.data) for event in now} == {
        "run": {"state": "serving"},
        "messages": {"changed": [{"key": "1"}], "gone": [], "all": True},
    }
    hub.show("run", {"state": "serving"})
    hub.show("run", {"state": "stopped"})
    hub.show_messages({"2": ({"key": "2"}, {})}, ["1", "9"])
    end()
    hub.show("run", {"state": "serving"})
    assert [(event.type, json.loads(event.data)) for event in later] == [
        ("run", {"state": "stopped"}),
        ("messages", {"changed": [{"key": "2"}], "gone": ["1"], "all": False}),
    ]
    assert hub.details("1") is None
    assert hub.details("2") == {}


def test_an_event_is_one_line_of_ascii_whatever_people_write() -> None:
    hub = Hub()
    hub.show("run", "line\nline \u2028 \ud800")
    [event, _] = hub.listen(lambda _: None)[0]
    assert event.data.isascii()
    assert "\n" not in event.data
