"""The documentation says what is true: its commands, links, settings, messages and pictures exist."""

from __future__ import annotations

import ast
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
import rotate
import typer
import yaml
from typer.testing import CliRunner

import pipeline
import pipeline.cli
from infra.outputs import Outputs
from infra.settings import StackSettings
from pipeline.sandbox.command import sandbox
from pipeline.settings import MODEL_KEY, TOKEN_KEY, RunSettings, env_name
from scripts import bench, reference, replay, smoke
from scripts.pictures import diagrams, gallery

ROOT = Path(__file__).resolve().parents[1]
README = ROOT / "README.md"
CHANGELOG = ROOT / "CHANGELOG.md"
CONTRIBUTING = ROOT / "CONTRIBUTING.md"
IMAGES = ROOT / "docs" / "images"
PAGES = sorted(
    [README, CHANGELOG, CONTRIBUTING, ROOT / "SECURITY.md", ROOT / "secrets" / "README.md", *ROOT.glob("docs/**/*.md")]
)
COMMAND_PAGES = [page for page in PAGES if page != CHANGELOG and page.parent.name != "decisions"]
CODE_TREES = ("pipeline", "infra", "secrets", "scripts")


def _name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def _targets() -> set[str]:
    return set(re.findall(r"^([a-z0-9-]+):.*##", (ROOT / "Makefile").read_text(), re.MULTILINE))


# Links


def _anchors(page: Path) -> set[str]:
    text = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    titles = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_each_link_leads_to_a_file_and_a_heading_that_exist(page: Path) -> None:
    text = re.sub(r"`[^`\n]*`", "", re.sub(r"^```.*?^```", "", page.read_text(), flags=re.MULTILINE | re.DOTALL))
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if target.startswith("https://"):
            continue
        file, _, anchor = target.partition("#")
        found = (page.parent / file).resolve() if file else page
        assert found.is_file(), target
        assert not anchor or anchor in _anchors(found), target


def test_the_index_of_decisions_has_each_of_them_with_its_title() -> None:
    index = (ROOT / "docs" / "decisions" / "index.md").read_text()
    decisions = sorted((ROOT / "docs" / "decisions").glob("0*.md"))
    assert [int(file.name[:4]) for file in decisions] == list(range(1, len(decisions) + 1))
    for file in decisions:
        number, _, title = file.read_text().splitlines()[0].removeprefix("# ").partition(". ")
        assert f"| {number} | [{title}]({file.name}) |" in index


# Commands


def _commands(page: Path) -> Iterator[str]:
    """What a reader can call: each line of a shell block, and each command in the text."""
    text = page.read_text()
    for block in re.findall(r"^```sh\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
        yield from block.splitlines()
    prose = re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    yield from re.findall(r"`((?:make|pipeline|pulumi|scripts/\S+\.py|secrets/\S+\.py|\.venv/\S+) [^`\n]+)`", prose)


def _calls(page: Path) -> Iterator[list[str]]:
    for line in _commands(page):
        words = shlex.split(line, comments=True)
        while words:
            end = next((i for i, word in enumerate(words) if word in ("&&", "|", ";")), len(words))
            if words[:end]:
                yield words[:end]
            words = words[end + 1 :]


def _parse(app: typer.Typer, arguments: list[str]) -> None:
    """Let the real command line read the arguments, without doing anything. Fails where it refuses them."""
    command: Any = typer.main.get_command(app)
    if hasattr(command, "commands"):
        if arguments[0].startswith("--"):
            assert arguments == ["--version"]
            return
        name, *arguments = arguments
        command = command.commands[name]
    try:
        command.make_context("command", list(arguments))
    except Exception as error:
        # typer has a click of its own, whose exceptions are not public.
        if not hasattr(error, "format_message"):
            raise
        pytest.fail(f"{arguments}: {error.format_message()}")


def _check(words: list[str]) -> str:
    """Fails where a command or an option does not exist. Returns what was checked."""
    program, *rest = words
    if program.endswith("bin/python"):
        if rest[0] == "-m":
            return ""
        program, *rest = rest
    match program.removeprefix(".venv/bin/"):
        case "make":
            assert {word for word in rest if "=" not in word} <= _targets(), words
        case "pipeline" if rest[0] == "sandbox":
            app = typer.Typer()
            app.command()(sandbox)
            _parse(app, rest[1:])
        case "pipeline":
            _parse(pipeline.cli.app, rest)
        case "scripts/smoke.py":
            _parse(smoke.app, rest)
        case "scripts/bench.py":
            _parse(bench.app, rest)
        case "scripts/replay.py":
            # `--mode` is needed, and prose names single options.
            _parse(replay.app, rest if "--mode" in rest else [*rest, "--mode", "answer"])
        case "secrets/rotate.py":
            _parse(rotate.app, rest if "--stack" in rest else [*rest, "--stack", "dev"])
        case "pulumi" if rest[:2] == ["config", "set"]:
            key = next(word for word in rest[2:] if not word.startswith("--"))
            assert key == "KEY" or key in StackSettings.model_fields, words
        case "pulumi" if rest[:2] == ["stack", "output"] and not rest[2].startswith("--"):
            assert rest[2] in Outputs.model_fields, words
        case _:
            return ""
    return program


@pytest.mark.parametrize("page", COMMAND_PAGES, ids=_name)
def test_each_command_is_taken_by_the_program_that_it_calls(page: Path) -> None:
    for words in _calls(page):
        _check(words)


def test_the_check_of_commands_sees_those_of_every_program() -> None:
    checked = {_check(words) for page in COMMAND_PAGES for words in _calls(page)}
    programs = {"make", ".venv/bin/pipeline", "scripts/smoke.py", "scripts/replay.py", "secrets/rotate.py", "pulumi"}
    assert programs <= checked


@pytest.mark.parametrize(
    "line",
    [
        "make sandwich",
        ".venv/bin/pipeline run --twice",
        ".venv/bin/pipeline sandbox --colour red",
        ".venv/bin/python scripts/smoke.py --stak prod",
        ".venv/bin/python scripts/replay.py --stack prod --mode answer --all",
        ".venv/bin/python secrets/rotate.py password --stack prod",
        "pulumi config set colour red --stack dev",
        "pulumi stack output password --stack dev",
    ],
)
def test_a_command_that_does_not_exist_is_noticed(line: str) -> None:
    with pytest.raises((AssertionError, pytest.fail.Exception)):
        _check(shlex.split(line))


def test_what_a_page_installs_is_a_part_of_this_clone() -> None:
    groups = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    installed = [words[3] for page in COMMAND_PAGES for words in _installs(page)]
    assert ".[simulator]" in installed
    assert {each.partition("[")[2].rstrip("]") for each in installed} <= groups.keys()
    assert {each.partition("[")[0] for each in installed} == {"."}, "it is in no package index"


def _installs(page: Path) -> Iterator[list[str]]:
    """The commands of a page that install this product, or a part of it."""
    for line in re.findall(r"(pip install [^`\n]*(?:telegram-lakehouse|\.)\[[^`\n]*)", page.read_text()):
        yield ["-m", *shlex.split(line)]


@pytest.mark.parametrize("file", [".github/workflows/ci.yml", ".pre-commit-config.yaml"])
def test_hosted_checks_call_only_targets_that_make_has(file: str) -> None:
    text = (ROOT / file).read_text()
    yaml.safe_load(text)
    called = re.findall(r"(?:run|entry): make ([a-z]+)", text)
    assert called
    assert set(called) <= _targets()


# Settings


def test_the_parts_that_come_from_the_code_are_up_to_date() -> None:
    for page, content in reference.pages().items():
        assert page.read_text() == content, f"{_name(page)} is not up to date: run `make reference`"


def test_every_setting_is_in_its_table_with_a_meaning() -> None:
    page = (ROOT / "docs" / "settings.md").read_text()
    keys = [env_name(name) for name in RunSettings.model_fields]
    keys += [name for name in StackSettings.model_fields if name != "environment"]
    for key in keys:
        assert re.search(rf"^\| `{key}` \| [^|]*\| [^|\s][^|]* \|$", page, re.MULTILINE), key


@pytest.mark.parametrize("page", [page for page in COMMAND_PAGES if page != CONTRIBUTING], ids=_name)
def test_each_variable_named_is_one_that_a_run_reads(page: Path) -> None:
    secrets = {TOKEN_KEY, MODEL_KEY}
    known = {env_name(name) for name in RunSettings.model_fields} | secrets | {f"{key}_FILE" for key in secrets}
    named = set(re.findall(r"\b(?:PIPELINE|TELEGRAM|OPENAI)_[A-Z_]+\b", page.read_text()))
    assert named <= known, named - known


# Messages


@cache
def _texts() -> tuple[str, ...]:
    """Every text in the product's code; a value that is filled in is `…`, a constant of text is itself."""
    trees = [ast.parse(path.read_text()) for root in CODE_TREES for path in sorted((ROOT / root).rglob("*.py"))]
    constants = {
        node.targets[0].id: node.value.value
        for tree in trees
        for node in tree.body
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)
        if isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
    }

    def text_of(node: ast.expr) -> str:
        if isinstance(node, ast.JoinedStr):
            return "".join(text_of(value) for value in node.values)
        if isinstance(node, ast.FormattedValue):
            return constants.get(node.value.id, "…") if isinstance(node.value, ast.Name) else "…"
        return str(node.value) if isinstance(node, ast.Constant) else "…"

    nodes = (node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Constant | ast.JoinedStr))
    return tuple(text_of(node) for node in nodes)


def _in_the_code(message: str) -> bool:
    pattern = re.compile(".*".join(re.escape(piece) for piece in message.split("…")), re.DOTALL)
    return any(pattern.search(text) for text in _texts())


def test_each_message_that_troubleshooting_quotes_is_one_of_the_code() -> None:
    page = (ROOT / "docs" / "troubleshoot.md").read_text()
    quoted = re.findall(r"^\| `([^`]+)`", page, re.MULTILINE)
    assert len(quoted) > 12
    assert [message for message in quoted if not _in_the_code(message)] == []
    assert not _in_the_code("the moon is in use by …")


def test_each_message_that_the_table_of_faults_quotes_is_one_of_the_code() -> None:
    rows = [line.split(" | ") for line in (ROOT / "docs" / "faults.md").read_text().splitlines() if line[:2] == "| "]
    quoted = [message for row in rows for message in re.findall(r"`([^`]+)`", row[1])]
    assert len(quoted) > 25
    assert [message for message in quoted if not _in_the_code(message)] == []


SHOWN = {
    "operate": (
        "nothing waits",
        "in silver after … s, … s after its answer by …",
        "a webhook is set, which keeps polling out",
        "401: the model refuses the credential",
        "give a valid key: secrets/rotate.py llm-api-key; or sign in again",
        "… files to read, lag …",
        "nothing open",
        "… to replay; nothing was done: add --yes to do it",
    ),
    "rotate": (
        "store the new value as pending",
        "make it current and keep the old one as previous",
        "remove the mark `pending`",
        "the running job uses the new value as soon as the old one is refused",
        "it is a token of bot …, and this deployment's bot is …",
        "refused: …; nothing was changed",
    ),
}


@pytest.mark.parametrize(("page", "line"), [(page, line) for page, lines in SHOWN.items() for line in lines])
def test_output_that_a_page_shows_is_that_of_the_code(page: str, line: str) -> None:
    text = (ROOT / "docs" / f"{page}.md").read_text()
    assert re.search(".+?".join(re.escape(piece) for piece in line.split("…")), text)
    assert _in_the_code(line)


# Pictures


def _external(svg: str) -> list[str]:
    """What an SVG would load: any address but the names of XML's own spaces, and anything that runs."""
    names = re.sub(r'xmlns(:\w+)?="http://www\.w3\.org/[^"]*"', "", svg)
    return re.findall(r"(?:https?:)?//[^\s\"')<]+|@import|@font-face|<script|<foreignObject", names)


_SHOWN = re.compile(r"!\[([^\]]*)\]\(([^)\s]+)\)")


def _pictures(page: Path) -> list[tuple[str, Path]]:
    """The alt text and the file of each picture that a page shows."""
    text = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    return [(alt, (page.parent / file).resolve()) for alt, file in _SHOWN.findall(text)]


@pytest.mark.parametrize("page", [page for page in PAGES if _pictures(page)], ids=_name)
def test_each_picture_that_a_page_shows_exists_and_says_in_words_what_it_shows(page: Path) -> None:
    for alt, file in _pictures(page):
        assert file.is_file(), file
        assert len(alt.split()) >= 5, f"{_name(page)}: say in the brackets what {file.name} shows"


def test_each_picture_is_shown_by_a_page() -> None:
    shown = {file for page in PAGES for _, file in _pictures(page)}
    assert {file for kind in ("svg", "png") for file in IMAGES.glob(f"*.{kind}")} - shown == set()


@pytest.mark.parametrize("file", sorted([*IMAGES.glob("*.svg"), *IMAGES.glob("*.png")]), ids=lambda file: file.name)
def test_a_picture_is_small_and_loads_nothing(file: Path) -> None:
    assert file.stat().st_size <= gallery.MOST_BYTES
    assert file.suffix == ".png" or _external(file.read_text()) == []


def test_what_a_picture_would_load_is_noticed() -> None:
    for text in ("src: url('https://a.example/x.woff2')", 'href="//a.example/i.png"', "@import 'a.css'"):
        assert _external(f'<svg xmlns="http://www.w3.org/2000/svg">{text}</svg>')


@pytest.mark.parametrize("source", sorted(IMAGES.glob("*.mmd")), ids=lambda file: file.name)
def test_a_diagram_was_drawn_from_its_present_source(source: Path) -> None:
    drawn = source.with_suffix(".svg").read_text()
    assert f"<!-- source: {diagrams.source_hash(source.read_text())} -->" in drawn, "run `make pictures`"


def test_readme_shows_the_demo_answering_the_messages_of_the_file() -> None:
    assert "](docs/images/demo.svg)" in README.read_text()
    shown = gallery.DEMO.read_text()
    for line in gallery.MESSAGES.read_text().split():
        assert line in shown
    for outcome in ("answered,&#160;sent", "fixed,&#160;sent"):
        assert outcome in shown


# The site


def _build(source: Path, to: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", "-E", "-b", "html"]
    return subprocess.run(
        [*command, "-c", str(ROOT / "docs"), "-d", str(to.parent / "doctrees"), str(source), str(to)],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    )


class _Loads(HTMLParser):
    """Collects the addresses that a browser would load when it opens a page; a plain link is not one."""

    def __init__(self) -> None:
        super().__init__()
        self.addresses: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if value is None or (tag in ("a", "area") and name == "href"):
                continue
            if name in ("src", "href", "srcset", "data", "poster", "action", "style", "content"):
                self.addresses += re.findall(r"(?:https?:)?//[^\s\"')]+", value)


def _loads(file: Path) -> list[str]:
    text = file.read_text()
    if file.suffix == ".html":
        page = _Loads()
        page.feed(text)
        inline = re.findall(r"<(?:script|style)[^>]*>(.*?)</(?:script|style)>", text, re.DOTALL)
        return page.addresses + [found for code in inline for found in re.findall(r"https?://[^\s\"')]+", code)]
    if file.suffix == ".css":
        named = re.sub(r"xmlns=(\"|'|%22|%27)http://www\.w3\.org/2000/svg", "", text)
        return re.findall(r"(?:url\(\s*[\"']?|@import\s+[\"']?)(?:https?:)?//[^\s)]+", named)
    named = text.replace('"http://www.w3.org/2000/svg"', "")
    return re.findall(r"[\"'`](?:https?:)?//[^\s\"'`]+", named)


def test_the_site_is_built_without_a_warning_and_asks_no_other_host_when_opened(tmp_path: Path) -> None:
    site = tmp_path / "html"
    done = _build(ROOT, site)
    assert (done.returncode, done.stderr) == (0, "")
    assert "url=docs/index.html" in (site / "index.html").read_text()
    files = [file for kind in ("html", "css", "js") for file in sorted(site.rglob(f"*.{kind}"))]
    # The search index holds the words of the pages, and nothing that a browser would load.
    loaded = {_name_in(site, file): _loads(file) for file in files if file.name != "searchindex.js"}
    assert {name: addresses for name, addresses in loaded.items() if addresses} == {}
    assert {"README.html", "docs/index.html", "docs/decisions/0001-locked-requirements.html"} <= set(loaded)


def _name_in(folder: Path, file: Path) -> str:
    return file.relative_to(folder).as_posix()


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("a.html", '<script src="https://cdn.example/x.js"></script>'),
        ("a.html", '<link rel="stylesheet" href="//cdn.example/x.css">'),
        ("a.html", '<script type="module">import x from "https://cdn.example/x.mjs"</script>'),
        ("a.css", "@import 'https://cdn.example/x.css';"),
        ("a.css", "src: url(https://cdn.example/x.woff2)"),
        ("a.js", "import('https://cdn.example/x.mjs')"),
    ],
)
def test_what_a_page_would_load_is_noticed(tmp_path: Path, file: str, text: str) -> None:
    (tmp_path / file).write_text(text)
    assert _loads(tmp_path / file)


def test_a_plain_link_to_another_host_is_allowed(tmp_path: Path) -> None:
    (tmp_path / "a.html").write_text('<a href="https://t.me/BotFather">BotFather</a>')
    assert _loads(tmp_path / "a.html") == []


def test_a_link_that_leads_nowhere_stops_the_build(tmp_path: Path) -> None:
    page = tmp_path / "source" / "docs" / "index.md"
    page.parent.mkdir(parents=True)
    page.write_text("# Title\n\n[a](nowhere.md), [b](index.md#no-such-heading), ![c](images/nothing.svg)\n")
    done = _build(tmp_path / "source", tmp_path / "html")
    assert done.returncode != 0
    for target in ("nowhere.md", "no-such-heading", "nothing.svg"):
        assert target in done.stderr


# Words and versions


def test_readme_is_one_short_page() -> None:
    assert len(README.read_text().splitlines()) <= 160


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_no_page_has_a_word_that_readers_stumbled_over(page: Path) -> None:
    found = re.findall(r"(?i)\b(m(?:end)\w*|anew|whither|kin|hither|thereof)\b", page.read_text())
    assert found == []


def test_the_glossary_has_the_products_own_words() -> None:
    defined = re.findall(r"^\| ([^|]+) \| ", (ROOT / "docs" / "glossary.md").read_text(), re.MULTILINE)
    words = (
        "update question answer outcome reply part lane landing journal round tick origin probe replay injected "
        "micro-batch checkpoint"
    )
    assert set(words.split()) <= set(defined)
    terms = [word for word in defined if word not in ("Word", "---")]
    assert len(terms) == len(set(terms))


def test_each_path_that_contributing_names_exists() -> None:
    text = CONTRIBUTING.read_text()
    trees = "|".join((*CODE_TREES, "tests", "docs"))
    paths = set(re.findall(rf"`((?:{trees})/[\w./-]*)`", text))
    assert len(paths) > 40
    assert [path for path in sorted(paths) if not (ROOT / path).exists()] == []


def test_each_function_and_name_of_a_recipe_is_in_the_code() -> None:
    recipes = CONTRIBUTING.read_text().partition("## Recipes")[2].partition("## Documentation")[0]
    code = "\n".join(path.read_text() for root in (*CODE_TREES, "tests") for path in (ROOT / root).rglob("*.py"))
    names = set(re.findall(r"`(_?[A-Za-z]\w*)[`(]", recipes))
    invented = {"guest_message", "retry_pause", "PIPELINE_RETRY_PAUSE", "webhook", "budget"}
    assert [name for name in sorted(names - invented) if not re.search(rf"\b{name}\b", code)] == []


def test_the_newest_release_of_the_changelog_is_the_version() -> None:
    headings = re.findall(r"^## \[([^\]]+)\](?: - (\d{4}-\d\d-\d\d))?$", CHANGELOG.read_text(), re.MULTILINE)
    assert headings[0] == ("Unreleased", "")
    version, date = headings[1]
    assert version == pipeline.__version__
    assert date
    shown = CliRunner().invoke(pipeline.cli.app, ["--version"])
    assert (shown.exit_code, shown.output) == (0, f"{version}\n")
