"""The modules of a source tree, and what each imports, read from the text: nothing is imported for it."""

from __future__ import annotations

import ast
from collections.abc import Collection
from pathlib import Path


def modules_of(root: Path, folder: str) -> dict[str, Path]:
    """Every module below `root/folder`, by its dotted name from `root`; a package is its `__init__`."""
    names = {}
    for path in sorted((root / folder).rglob("*.py")):
        parts = path.relative_to(root).with_suffix("").parts
        names[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return names


def imports_of(path: Path, modules: Collection[str] = ()) -> set[str]:
    """The modules that a file imports anywhere: at its top, in a function or for types alone.

    `from x import y` counts as x.y if that is one of `modules`, otherwise as x.
    """
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} imports relatively"
            submodules = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= submodules.intersection(modules) or {str(node.module)}
    return found
