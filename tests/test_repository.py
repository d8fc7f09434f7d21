"""What must hold of the repository as a whole."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from collections import Counter
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

from tests.support.imports import imports_of, modules_of

ROOT = Path(__file__).resolve().parents[1]

MAX_LINES, MAX_MODULES = 350, 12

MAY_IMPORT = {
    "pipeline": set[str](),
    "infra": {"pipeline"},
    "rotation": {"infra", "pipeline"},
    "rotate": {"rotation", "infra", "pipeline"},
    "scripts": {"infra", "pipeline"},
}
"""The parts of the product, each with the parts that it may import."""

INFRA_FLOORS = (
    {"__main__", "policy", "project_file"},
    {"deployment"},
    {"components"},
    {"existing"},
    {"artifact", "job_parameters", "outputs", "reports"},
    {"stack_config"},
    {"mismatch"},
    {"settings"},
    {"setting_kinds", "engine"},
    {"__init__"},
)
"""The rooms of `infra/`, from the top: each imports only its own modules and what is below it."""

COMPONENT_FLOORS = (
    {"alerts", "catalog", "dashboard", "model_permissions", "pipeline_job", "principals", "secret_scope", "workspace"},
    {"access", "continuous_run", "workspace_aws"},
    {"__init__"},
)
"""The modules of `infra/components/`: no component imports another, but for the parts that it is made of."""


# `secrets/` is an import root of its own.
MODULES = {
    name: path
    for root, folder in ((ROOT, "pipeline"), (ROOT, "infra"), (ROOT, "scripts"), (ROOT / "secrets", "."))
    for name, path in modules_of(root, folder).items()
}
"""Every module of the product, by its dotted name."""


def _part(module: str) -> str:
    return module.partition(".")[0]


IMPORTS = {
    module: {name for name in imports_of(path, MODULES) if _part(name) in {*MAY_IMPORT, "tests"}}
    for module, path in MODULES.items()
}
"""The modules of the product, and of its tests, that each module imports."""


def _room(module: str, within: str) -> str:
    """The room of `within` that a module is in; a room is a module of it, or a package."""
    return module.removeprefix(within).removeprefix(".").partition(".")[0] or "__init__"


def _upward(within: str, floors: tuple[set[str], ...]) -> list[tuple[str, str]]:
    """The imports inside a package that do not point downward."""
    floor = {room: number for number, rooms in enumerate(floors) for room in rooms}
    inside = [module for module in MODULES if module == within or module.startswith(f"{within}.")]
    assert {_room(module, within) for module in inside} == floor.keys()
    return [
        (module, name)
        for module in inside
        for name in IMPORTS[module] & set(inside)
        if _room(name, within) != _room(module, within) and floor[_room(name, within)] <= floor[_room(module, within)]
    ]


def test_no_module_of_the_product_is_too_long_to_be_read_in_one_go() -> None:
    lengths = {name: len(path.read_text().splitlines()) for name, path in MODULES.items()}
    assert {name: length for name, length in lengths.items() if length > MAX_LINES} == {}


def test_no_package_of_the_product_has_too_many_modules() -> None:
    sizes = Counter(path.parent.relative_to(ROOT).as_posix() for path in MODULES.values())
    assert {folder: size for folder, size in sizes.items() if size > MAX_MODULES} == {}


def test_no_two_public_classes_of_the_product_have_one_name() -> None:
    places: dict[str, list[str]] = {}
    for module, path in MODULES.items():
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                places.setdefault(node.name, []).append(module)
    assert {name: modules for name, modules in places.items() if len(modules) > 1} == {}


@pytest.mark.parametrize("part", MAY_IMPORT)
def test_a_part_of_the_product_imports_only_those_below_it(part: str) -> None:
    modules = [module for module in MODULES if _part(module) == part]
    below = {part, *MAY_IMPORT[part]}
    assert modules
    upward = {(module, name) for module in modules for name in IMPORTS[module] if _part(name) not in below}
    assert upward == set()


def test_imports_in_the_product_have_no_circle() -> None:
    graph = {module: names - {module, _part(module)} for module, names in IMPORTS.items()}
    assert list(TopologicalSorter(graph).static_order())


def test_each_room_of_infra_imports_only_those_below_it() -> None:
    assert _upward("infra", INFRA_FLOORS) == []
    assert _upward("infra.components", COMPONENT_FLOORS) == []


def test_a_command_of_scripts_is_imported_by_nothing() -> None:
    commands = {module for module in MODULES if module.count(".") == 1 and MODULES[module].parent == ROOT / "scripts"}
    assert commands >= {"scripts.smoke", "scripts.replay", "scripts.stack"}
    assert {(module, name) for module in MODULES for name in IMPORTS[module] & commands} == set()


def test_secrets_holds_one_script_and_one_package() -> None:
    held = {path.name for path in (ROOT / "secrets").iterdir() if path.name != "__pycache__"}
    assert held == {"README.md", "rotate.py", "rotation"}


def test_the_standard_secrets_module_is_not_shadowed_from_the_root() -> None:
    code = "import secrets; print(len(secrets.token_hex()))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "64\n"
    assert not (ROOT / "secrets" / "__init__.py").exists()


def test_no_test_folder_is_a_package() -> None:
    assert list((ROOT / "tests").rglob("__init__.py")) == []


def test_the_locks_have_a_hash_for_every_package_and_no_address() -> None:
    for lock in ("requirements.lock", "requirements-jre.lock", "requirements-clients.lock"):
        text = (ROOT / lock).read_text()
        packages = re.findall(r"^[a-z][^\n]*==[^\n]*\\\n {4}--hash=sha256:", text, re.MULTILINE)
        assert len(packages) == len(re.findall(r"^[a-z]", text, re.MULTILINE))
        assert "://" not in text


def test_the_lock_of_the_bot_in_node_has_a_hash_for_every_package_and_no_address() -> None:
    text = (ROOT / "tests" / "e2e" / "clients" / "grammy" / "package-lock.json").read_text()
    packages = {name: package for name, package in json.loads(text)["packages"].items() if name}
    assert packages
    assert [name for name, package in packages.items() if not package["integrity"].startswith("sha512-")] == []
    assert '"resolved"' not in text
