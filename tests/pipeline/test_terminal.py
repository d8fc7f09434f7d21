"""What commands print: all of it goes through one module, and nothing from outside steers the terminal."""

from __future__ import annotations

import ast
import io
from pathlib import Path

import pytest
from rich.control import Control
from rich.table import Table

from pipeline.terminal import plain, say, say_json, terminal

ROOT = Path(__file__).parents[2]
HOSTILE = "\x1b]0;owned\x9b2J\u202e"
SHOWN = r"\x1b]0;owned\x9b2J\u202e"

_PRINTERS = {
    "print", "Console", "echo", "secho", "rprint", "print_json", "get_console", "inspect", "print_exc",
    "print_exception", "pprint", "input", "escape",
}  # fmt: skip
_STREAMS = {"stdout", "stderr", "__stdout__", "__stderr__"}
_ELSEWHERE = {
    "pipeline/terminal.py": "the one that prints",
    "pipeline/demo/chat.py": "shows again what its own user is typing",
    "pipeline/log.py": "logs have a processor of their own",
    "scripts/pictures/terminal.py": "draws into a picture",
}


def _printing(path: Path) -> list[int]:
    """The lines of a module that write to a terminal by themselves, or escape markup by themselves."""
    return [
        node.lineno for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call) and _prints(node)
    ]


def _prints(call: ast.Call) -> bool:
    if isinstance(call.func, ast.Name):
        return call.func.id in _PRINTERS
    if not isinstance(call.func, ast.Attribute):
        return False
    # A console that is printed to was made by `terminal`: making one otherwise is found.
    if call.func.attr in ("print", "input", "escape"):
        return False
    return call.func.attr in _PRINTERS or (call.func.attr == "write" and _is_stream(call.func.value))


def _is_stream(node: ast.expr) -> bool:
    if isinstance(node, ast.Attribute):
        return node.attr in _STREAMS or _is_stream(node.value)
    return isinstance(node, ast.Name) and node.id in _STREAMS


def test_no_module_prints_past_the_one_that_makes_texts_printable() -> None:
    modules = [path for tree in ("pipeline", "scripts", "secrets", "infra") for path in (ROOT / tree).rglob("*.py")]
    found = {path.relative_to(ROOT).as_posix(): _printing(path) for path in modules}
    assert {name: lines for name, lines in found.items() if lines and name not in _ELSEWHERE} == {}
    assert {name for name in _ELSEWHERE if found[name]} == _ELSEWHERE.keys() - {"pipeline/log.py"}


@pytest.mark.parametrize(
    "code",
    ["print(x)", "Console().print(x)", "typer.echo(x)", "sys.stderr.write(x)", "traceback.print_exc()", "input(x)"],
)
def test_a_module_that_prints_by_itself_is_found(tmp_path: Path, code: str) -> None:
    module = tmp_path / "module.py"
    module.write_text(f"console = terminal()\nconsole.print(x)\n{code}\n")
    assert _printing(module) == [3]


def test_a_text_can_not_steer_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    say(f"name {HOSTILE}\nsecond line")
    say(HOSTILE, error=True)
    assert capsys.readouterr() == (f"name {SHOWN}\nsecond line\n", f"{SHOWN}\n")


def test_json_is_printed_with_escapes_of_its_own(capsys: pytest.CaptureFixture[str]) -> None:
    say_json('{\n  "name": "\x9b2J\u202e"\n}')
    assert capsys.readouterr().out == '{\n  "name": "\\u009b2J\\u202e"\n}\n'


@pytest.mark.parametrize("on_a_terminal", [False, True])
def test_neither_a_cell_of_a_table_nor_a_line_can_steer_the_terminal(on_a_terminal: bool) -> None:
    out = io.StringIO()
    console = terminal(file=out, width=100, force_terminal=on_a_terminal, color_system=None)
    grid = Table("name", title=HOSTILE)
    grid.add_row(plain(HOSTILE))
    console.print(grid)
    console.print(HOSTILE, markup=False)
    with console.status(HOSTILE):
        console.print("[bold]while it waits[/] " + HOSTILE, soft_wrap=True)
    said = out.getvalue()
    assert said.count(SHOWN) >= 4
    assert "\x1b]" not in said
    assert "\x9b" not in said
    assert "\u202e" not in said


def test_a_cell_that_nobody_made_plain_can_not_steer_the_terminal_either() -> None:
    out = io.StringIO()
    grid = Table("name")
    grid.add_row(HOSTILE)
    terminal(file=out, width=100).print(grid)
    assert "\x1b" not in out.getvalue()


def test_markup_in_a_text_from_outside_is_shown() -> None:
    out = io.StringIO()
    terminal(file=out, width=100).print(plain("[bold]x[/] :warning: 42"))
    assert out.getvalue() == "[bold]x[/] :warning: 42\n"


def test_the_consoles_own_control_still_works() -> None:
    out = io.StringIO()
    terminal(file=out, force_terminal=True, color_system="standard").print("[red]red", Control.bell())
    assert "\x1b[31mred\x1b[0m" in out.getvalue()
    assert "\x07" in out.getvalue()
