"""What of the Bot API is simulated: from the table of methods, and from the tests that say what they show."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pipeline.sandbox.telegram import bot_api, methods
from pipeline.sandbox.telegram.delivery.polling import Polling
from pipeline.sandbox.telegram.methods.table import METHODS

__all__ = ["ShowingTest", "methods", "rows", "showing_tests", "simulated_methods", "summary"]
"""The package of methods is imported for what it puts into the table."""

ROOT = Path(__file__).resolve().parents[2]
TESTS = ROOT / "tests" / "pipeline" / "sandbox"

HEADER = ("Name", "What", "Simulated", "The rule it keeps", "The test that shows it")


@dataclass(frozen=True)
class ShowingTest:
    """A test with the marker `shows`."""

    file: str
    """Below the sandbox's tests."""
    name: str
    rule: str
    """The first sentence of its docstring."""

    @property
    def sentence(self) -> str:
        return f"{self.name.removeprefix('test_').replace('_', ' ')} (`{self.file}`)"


def showing_tests(folder: Path = TESTS) -> dict[str, list[ShowingTest]]:
    """The tests of each name that a marker `shows` has, in the order of their files. Nothing is imported for it."""
    found: dict[str, list[ShowingTest]] = {}
    for path in sorted(folder.rglob("test_*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef):
                file = path.relative_to(folder).as_posix()
                test = ShowingTest(file, node.name, _first_sentence(ast.get_docstring(node)))
                for name in _shown_names(node):
                    found.setdefault(name, []).append(test)
    return found


def simulated_methods() -> dict[str, str]:
    """The rule of each simulated method, by its name as Telegram writes it. KeyError for a name Telegram lacks."""
    functions = {"getupdates": Polling.start, **METHODS}
    names = {name.lower(): name for name in bot_api.METHODS}
    return {names[name]: _first_sentence(inspect.getdoc(function)) for name, function in sorted(functions.items())}


def rows() -> Iterator[tuple[str, str, str, str, str]]:
    """A row for each method and each update kind of the Bot API."""
    shown, rules = showing_tests(), simulated_methods()
    for name in bot_api.METHODS:
        yield _row(name, "method", rules.get(name), shown.get(name, []))
    for kind in bot_api.UPDATE_KINDS:
        tests = shown.get(kind, [])
        yield _row(kind, "update", tests[0].rule if tests else None, tests)


def summary() -> str:
    """How much of the Bot API is simulated, in a sentence."""
    table = list(rows())
    counts = [
        f"{sum(row[1] == what and row[2] == 'yes' for row in table)} of {sum(row[1] == what for row in table)} {what}s"
        for what in ("method", "update")
    ]
    return f"Of Bot API {bot_api.VERSION}, {counts[0]} and {counts[1]} are simulated."


def _row(name: str, what: str, rule: str | None, tests: list[ShowingTest]) -> tuple[str, str, str, str, str]:
    if rule is None:
        return f"`{name}`", what, "no", "", ""
    more = f", and {len(tests) - 1} more" if len(tests) > 1 else ""
    return f"`{name}`", what, "yes", rule, tests[0].sentence + more if tests else ""


def _shown_names(function: ast.FunctionDef) -> Iterator[str]:
    for decorator in function.decorator_list:
        if isinstance(decorator, ast.Call) and ast.unparse(decorator.func) == "pytest.mark.shows":
            for argument in decorator.args:
                yield ast.literal_eval(argument)


def _first_sentence(docstring: str | None) -> str:
    text = " ".join((docstring or "").partition("\n\n")[0].split())
    return re.split(r"(?<=\.)\s+(?=[A-Z`])", text)[0]
