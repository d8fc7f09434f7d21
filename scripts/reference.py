"""The parts of the documentation that are written from the code: `make reference`.

The two tables of settings in docs/settings.md come from the models, the map of the code in CONTRIBUTING.md and
docs/modules.md from the docstrings of packages and modules, the tables of docs/scaling.md from its model, what
docs/sandbox.md and docs/control-api.md list from the sandbox. A test fails where a page is not as this writes it.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from pydantic.fields import FieldInfo

from infra.settings import StackSettings
from pipeline.options import choices_of, meaning_of, stands_for
from pipeline.settings import RunSettings, env_name
from scripts.benches.capacity import loads_rows, needs_rows
from scripts.benches.report import between, markdown_table
from scripts.sandbox import bot_api_table, control_page

ROOT = Path(__file__).resolve().parents[1]
SETTINGS = ROOT / "docs" / "settings.md"
MAP = ROOT / "CONTRIBUTING.md"
MODULES = ROOT / "docs" / "modules.md"
SCALING = ROOT / "docs" / "scaling.md"
SANDBOX = ROOT / "docs" / "sandbox.md"
CONTROL = ROOT / "docs" / "control-api.md"

_TREES = ("pipeline", "infra", "secrets", "scripts")
_HIDDEN = ("__init__.py", "__main__.py")


def run_rows() -> Iterator[tuple[str, str, str]]:
    """Variable, default and description of each setting of a run."""
    for name, field in RunSettings.model_fields.items():
        default = stands_for(field) or _shown(field.get_default())
        yield env_name(name), default, _meaning(meaning_of(field), field)


def stack_rows() -> Iterator[tuple[str, str, str]]:
    """Key, default and description of each setting of a stack."""
    for name, field in StackSettings.model_fields.items():
        if name == "environment":  # the stack's name, which is not set
            continue
        yield name, _shown(field.get_default()), _meaning((field.description or "").strip(), field)


def packages() -> Iterator[tuple[Path, str]]:
    """Each folder of the product's code with what it is, a folder before those in it."""
    for tree in _TREES:
        folders = sorted({path.parent for path in (ROOT / tree).rglob("*.py")} | {ROOT / tree})
        for folder in folders:
            init = folder / "__init__.py"
            yield folder, _first_sentence(init) if init.exists() else "Scripts; not a package."


def modules(folder: Path) -> list[Path]:
    return [path for path in sorted(folder.glob("*.py")) if path.name not in _HIDDEN]


def map_rows() -> Iterator[tuple[str, str, str]]:
    """Folder, what it is, and the names of its modules."""
    for folder, purpose in packages():
        names = ", ".join(f"`{path.stem}`" for path in modules(folder))
        yield f"{folder.relative_to(ROOT).as_posix()}/", purpose, names


def module_sections() -> str:
    """Each module with the first sentence of its docstring, by folder."""
    sections = []
    for folder, purpose in packages():
        rows = [f"| `{path.name}` | {_cell(_first_sentence(path))} |" for path in modules(folder)]
        if rows:
            title = f"## {folder.relative_to(ROOT).as_posix()}/"
            sections.append("\n".join([title, "", purpose, "", "| Module | What it is |", "|---|---|", *rows]))
    return "\n\n".join(sections)


def pages() -> dict[Path, str]:
    """Each page that has generated parts, as it should be. Raises ValueError where a page lacks a mark."""
    settings = _replaced(
        SETTINGS, SETTINGS.read_text(), "run settings", _table(run_rows(), "Variable", "Default", "Meaning")
    )
    settings = _replaced(SETTINGS, settings, "stack settings", _table(stack_rows(), "Key", "Default", "Meaning"))
    scaling = _replaced(SCALING, SCALING.read_text(), "loads", _plain_table(loads_rows()))
    faults = markdown_table(("Kind", "What the bot sees"), control_page.fault_rows())
    sandbox = _replaced(SANDBOX, SANDBOX.read_text(), "faults", faults)
    bot_api = markdown_table(bot_api_table.HEADER, ([_cell(cell) for cell in row] for row in bot_api_table.rows()))
    return {
        SANDBOX: _replaced(SANDBOX, sandbox, "bot api", f"{bot_api_table.summary()}\n\n{bot_api}"),
        CONTROL: _replaced(CONTROL, CONTROL.read_text(), "control api", control_page.sections()),
        SCALING: _replaced(SCALING, scaling, "needs", _plain_table(needs_rows())),
        SETTINGS: settings,
        MAP: _replaced(MAP, MAP.read_text(), "map", _table(map_rows(), "Folder", "What it is", "Modules")),
        MODULES: _replaced(MODULES, MODULES.read_text(), "modules", module_sections()),
    }


def _first_sentence(path: Path) -> str:
    text = " ".join((ast.get_docstring(ast.parse(path.read_text())) or "").split("\n\n")[0].split())
    return re.split(r"(?<=\.)\s+(?=[A-Z`])", text)[0]


def _table(rows: Iterable[tuple[str, str, str]], *header: str) -> str:
    lines = [f"| {' | '.join(header)} |", "|---|---|---|"]
    lines += [f"| `{name}` | {_cell(second)} | {_cell(third)} |" for name, second, third in rows]
    return "\n".join(lines)


def _plain_table(rows: Iterable[tuple[str, ...]]) -> str:
    """The first row is the header."""
    header, *cells = rows
    return markdown_table(header, cells)


def _replaced(file: Path, page: str, name: str, content: str) -> str:
    try:
        return between(page, name, content)
    except ValueError as error:
        raise ValueError(f"{file.name}: {error}") from None


def _meaning(description: str, field: FieldInfo) -> str:
    """The description, with the values that can be chosen where it does not name them."""
    values = choices_of(field)
    missing = [value for value in values if value and value not in re.findall(r"\w+", description)]
    if not missing:
        return description
    return f"{description} One of {', '.join(f'`{value}`' for value in values if value)}."


def _shown(default: object) -> str:
    if default is None or default in ("", (), frozenset()):
        return ""
    if isinstance(default, bool):
        return f"`{str(default).lower()}`"
    return f"`{default:g}`" if isinstance(default, float) else f"`{default}`"


def _cell(text: str) -> str:
    # A name in angle brackets would be taken for HTML.
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;")


if __name__ == "__main__":
    for written, content in pages().items():
        written.write_text(content)
