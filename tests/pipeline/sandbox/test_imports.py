"""What a part of the sandbox may import."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.imports import imports_of, modules_of

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
    ("content",),
    ("activity", "delivery", "flood"),
    ("account", "chats", "text"),
    ("chat_state",),
    ("parameters",),
    ("bot_api", "clock", "errors"),
)
"""The parts of the simulated Telegram, likewise."""


MODULES = modules_of(SANDBOX.parents[1], "pipeline")


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
        parts = {_part(name, package) for name in imports_of(path, MODULES)} - {own, None}
        upward = {part for part in parts if part in layer_of and layer_of[part] <= layer_of[own]}
        assert upward == set(), path


def test_the_simulated_telegram_knows_no_http() -> None:
    for path in (SANDBOX / "telegram").rglob("*.py"):
        tops = {name.partition(".")[0] for name in imports_of(path)}
        assert tops.isdisjoint({"starlette", "uvicorn", "asyncio"}), path
