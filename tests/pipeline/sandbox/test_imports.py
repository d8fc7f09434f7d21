"""What a part of the sandbox may import."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

SANDBOX = Path(__file__).parents[3] / "pipeline" / "sandbox"

LAYERS = (
    ("__main__",),
    ("command",),
    ("web", "models"),
    ("server", "telegram"),
    ("json_types",),
)
"""The parts of the sandbox, from the top: each imports only its own modules and what is below it."""

TELEGRAM_LAYERS = (
    ("simulator",),
    ("methods", "people"),
    ("state",),
    ("activity", "polling", "flood"),
    ("account", "chats", "update_queue", "text"),
    ("parameters",),
    ("errors",),
)
"""The parts of the simulated Telegram, likewise."""


def _imported(path: Path) -> set[str]:
    """The modules that a file imports, by their dotted names; `from x import y` counts as x and as x.y."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names |= {str(node.module)} | {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def _part(dotted: str, package: str) -> str | None:
    """The part of a package that a module belongs to; None when it is not in the package."""
    return dotted.removeprefix(f"{package}.").partition(".")[0] if dotted.startswith(f"{package}.") else None


@pytest.mark.parametrize(
    ("folder", "package", "layers"),
    [
        (SANDBOX, "pipeline.sandbox", LAYERS),
        (SANDBOX / "telegram", "pipeline.sandbox.telegram", TELEGRAM_LAYERS),
    ],
)
def test_a_part_imports_only_what_is_below_it(folder: Path, package: str, layers: tuple[tuple[str, ...], ...]) -> None:
    layer_of = {part: number for number, parts in enumerate(layers) for part in parts}
    modules = [path for path in folder.rglob("*.py") if path != folder / "__init__.py"]
    assert {path.relative_to(folder).parts[0].removesuffix(".py") for path in modules} == layer_of.keys()
    for path in modules:
        own = path.relative_to(folder).parts[0].removesuffix(".py")
        parts = {_part(name, package) for name in _imported(path)} - {own, None}
        upward = {part for part in parts if part in layer_of and layer_of[part] <= layer_of[own]}
        assert upward == set(), path


def test_the_simulated_telegram_knows_no_http() -> None:
    for path in (SANDBOX / "telegram").rglob("*.py"):
        tops = {name.partition(".")[0] for name in _imported(path)}
        assert tops.isdisjoint({"starlette", "uvicorn", "asyncio"}), path
