"""The table of what is simulated: it comes from the code and from the tests, and has no gap."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.sandbox.telegram import bot_api
from pipeline.sandbox.telegram.people.table import ACTIONS
from pipeline.sandbox.web.control.api import all_calls
from scripts.sandbox import bot_api_table
from scripts.sandbox.bot_api_table import ROOT, rows, showing_tests, simulated_methods

TELEGRAM = ROOT / "pipeline" / "sandbox" / "telegram"
SHOWN = showing_tests()


def _offered_kinds(path: Path) -> Iterator[str]:
    """The update kinds that a module gives to `offer`, or to a function named for it: as a text or by a name."""
    tree = ast.parse(path.read_text())
    assigned: dict[str, list[ast.expr]] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            assigned.setdefault(node.targets[0].id, []).append(node.value)
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2].startswith("offer"):
            values = [value for given in node.args for value in _values(given, assigned)]
            # A condition chooses between kinds: what it is about is none.
            chosen = [each for value in values for each in _branches(value)]
            yield from (each.value for each in chosen if isinstance(each, ast.Constant) and isinstance(each.value, str))


def _values(given: ast.expr, assigned: dict[str, list[ast.expr]]) -> list[ast.expr]:
    return assigned.get(given.id, []) if isinstance(given, ast.Name) else [given]


def _branches(value: ast.expr) -> list[ast.expr]:
    return [*_branches(value.body), *_branches(value.orelse)] if isinstance(value, ast.IfExp) else [value]


def _texts(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


CODE = [path for path in sorted(TELEGRAM.rglob("*.py")) if path.name != "bot_api.py"]
MENTIONED = set(bot_api.UPDATE_KINDS) & {text for path in CODE for text in _texts(path)}
OFFERED = {text for path in CODE for text in _offered_kinds(path)} & set(bot_api.UPDATE_KINDS)


def test_the_kinds_that_the_code_queues_are_found() -> None:
    known = {"message", "edited_message", "channel_post", "edited_channel_post", "my_chat_member"}
    assert known - OFFERED == set()


@pytest.mark.parametrize("name", [*simulated_methods(), *sorted(OFFERED), *ACTIONS])
def test_each_method_kind_and_action_has_a_test_that_shows_it(name: str) -> None:
    assert SHOWN.get(name), f'no test has the marker shows("{name}")'


@pytest.mark.parametrize("name", sorted(SHOWN))
def test_what_a_marker_names_is_simulated(name: str) -> None:
    assert name in {*simulated_methods(), *MENTIONED, *(call.path for call in all_calls())}
    for test in SHOWN[name]:
        assert test.rule, f"{test.name} has no docstring with the rule"


@pytest.mark.parametrize(("name", "rule"), simulated_methods().items())
def test_each_method_says_its_rule_in_one_sentence(name: str, rule: str) -> None:
    assert rule[:1].isupper() or rule[:1].isdigit(), name
    assert rule.endswith("."), name


def test_each_method_and_kind_of_the_bot_api_has_a_row() -> None:
    table = list(rows())
    assert [row[0].strip("`") for row in table] == [*bot_api.METHODS, *bot_api.UPDATE_KINDS]
    by_name = {row[0]: row for row in table}
    assert by_name["`verifyUser`"] == ("`verifyUser`", "method", "no", "", "")
    _, what, simulated, rule, test = by_name["`getMe`"]
    assert (what, simulated) == ("method", "yes")
    assert rule.startswith("The User has the fields")
    assert test.startswith("get me describes the bot (`telegram/methods/")


def test_the_summary_counts_what_is_simulated() -> None:
    yes = [row for row in rows() if row[2] == "yes"]
    methods = len([row for row in yes if row[1] == "method"])
    updates = len(yes) - methods
    assert bot_api_table.summary() == (
        f"Of Bot API {bot_api.VERSION}, {methods} of {len(bot_api.METHODS)} methods and "
        f"{updates} of {len(bot_api.UPDATE_KINDS)} updates are simulated."
    )


def test_markers_are_read_without_importing_the_tests(tmp_path: Path) -> None:
    (tmp_path / "test_a.py").write_text(
        "raise SystemExit\n"
        '@pytest.mark.shows("sendMessage", "message")\n'
        "def test_a_thing_holds() -> None:\n"
        '    """A rule.\n\n    And more."""\n'
        "def test_another() -> None: ...\n"
    )
    found = bot_api_table.showing_tests(tmp_path)
    assert found.keys() == {"sendMessage", "message"}
    (test,) = found["message"]
    assert (test.name, test.rule) == ("test_a_thing_holds", "A rule.")
    assert test.sentence.startswith("a thing holds (`")
