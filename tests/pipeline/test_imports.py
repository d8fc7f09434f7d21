"""What a module of the pipeline may import, and what importing it must not load."""

from __future__ import annotations

import json
import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

from tests.support.imports import imports_of, modules_of

ROOT = Path(__file__).parents[2]

FLOORS = (
    {"__main__"},
    {"cli"},
    {"demo", "options"},
    {"watch"},
    {"sandbox"},
    {"run"},
    {"settings"},
    {"view"},
    {"stream"},
    {"replies"},
    {"conversations", "limits"},
    {"model"},
    {"feedback"},
    {"telegram"},
    {"storage"},
    {"log"},
    {"platform"},
    {"command"},
    {"terminal"},
    {"messages"},
    {"redaction", "errors", "tables", "peers"},
    {"__init__"},
)
"""The rooms of `pipeline/`, from the top: each imports only its own modules and what is below it."""

HEAVY = {
    "pyspark",
    "py4j",
    "delta",
    "deltalake",
    "pulumi",
    "pulumi_databricks",
    "pandas",
    "pyarrow",
    "xllamacpp",
    "starlette",
    "uvicorn",
    "databricks",
}


MODULES = modules_of(ROOT, "pipeline")


def _imported(path: Path) -> set[str]:
    """The modules of `pipeline/` that a file imports."""
    return {name for name in imports_of(path, MODULES) if name.partition(".")[0] == "pipeline"}


def _room(module: str) -> str:
    _, _, rest = module.partition(".")
    return rest.partition(".")[0] or "__init__"


def _floor(room: str) -> int:
    return next(number for number, rooms in enumerate(FLOORS) if room in rooms)


def test_every_room_of_the_pipeline_has_its_floor() -> None:
    assert {_room(module) for module in MODULES} == {room for floor in FLOORS for room in floor}


@pytest.mark.parametrize("module", MODULES)
def test_a_module_imports_only_its_own_room_and_those_below(module: str) -> None:
    own = _room(module)
    upward = {name for name in _imported(MODULES[module]) if _room(name) != own and _floor(_room(name)) <= _floor(own)}
    assert upward == set()


def test_imports_have_no_circle() -> None:
    graph = {module: _imported(path) - {module, "pipeline"} for module, path in MODULES.items()}
    assert list(TopologicalSorter(graph).static_order())


def test_the_pipeline_imports_nothing_of_what_is_built_around_it() -> None:
    around = {"infra", "scripts", "rotation", "tests"}
    for path in MODULES.values():
        assert around.isdisjoint(name.partition(".")[0] for name in imports_of(path)), path


def test_no_module_but_the_demo_and_the_live_page_loads_spark_pulumi_or_the_sandbox() -> None:
    modules = [name for name in MODULES if _room(name) not in ("demo", "sandbox", "watch", "__main__")]
    assert len(modules) > 40
    load = f"for name in {modules}: importlib.import_module(name)"
    script = f"import importlib, json, sys\n{load}\nprint(json.dumps([*sys.modules]))"
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    loaded = set(json.loads(done.stdout))
    assert set(modules) <= loaded
    assert HEAVY & {name.partition(".")[0] for name in loaded} == set()
    assert [name for name in loaded if name.startswith("pipeline.sandbox")] == []
    assert done.stderr == ""
