"""The wheel beside what Databricks Runtime 17.3 LTS ships: its Python, its Spark and its libraries."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from pipeline.platform.local_spark import java_home
from tests.support.files import contents
from tests.support.serving import serving
from tests.support.workspace.server import CALLER
from tests.support.workspace.server import TOKEN as WORKSPACE_TOKEN
from tests.support.world import TOKEN, World

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.timeout(1200),
    pytest.mark.xdist_group("wheel"),  # they share an environment, which is made once
]

ROOT = Path(__file__).parents[2]
SHIPPED = Path(__file__).with_name("runtime-17.3-constraints.txt")
SPARK = ("pyspark==4.0.*", "delta-spark==4.0.*")

# What a wheel's task does on a cluster: the session is there before, and the entry point is called with its parameters.
# Each line of standard input is one call; each line of standard output says what came of it.
TASK = """
import json, sys
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import distribution
from pathlib import Path
from pipeline import __file__ as installed
from pipeline.platform.local_spark import session
from pipeline.tables import TABLES

spark = session("local[2]", Path("cluster"))
spark.sql("CREATE SCHEMA bot")
for table in TABLES:
    spark.sql(f"CREATE TABLE spark_catalog.bot.{table.name} ({table.ddl}) USING delta")

(entry,) = distribution("telegram-lakehouse").entry_points.select(group="console_scripts", name="pipeline")

def call(arguments):
    sys.argv = ["pipeline", *arguments]
    try:
        return {"returned": entry.load()()}
    except BaseException as error:
        return {"raised": type(error).__name__, "text": str(error), "context": repr(error.__context__)}

with ThreadPoolExecutor(1) as elsewhere:  # not on the main thread, as a cluster may well do it
    calls = [elsewhere.submit(call, json.loads(line)).result() for line in sys.stdin]
rows = [row.asDict() for row in spark.table("spark_catalog.bot.silver").collect()]
bronze = spark.table("spark_catalog.bot.bronze").count()
print(json.dumps({"calls": calls, "silver": rows, "bronze": bronze, "installed": installed}, default=str))
"""


def _python_312() -> str | None:
    candidates = [shutil.which("python3.12"), *sorted(map(str, Path.home().glob(".pyenv/versions/3.12*/bin/python")))]
    says = "import sys, venv, ensurepip; print(*sys.version_info[:2])"
    for python in filter(None, candidates):
        # A version manager's shim is there for versions that are not.
        said = subprocess.run([python, "-c", says], capture_output=True, text=True, check=False)
        if said.stdout.strip() == "3 12":
            return python
    return None


def _run(*command: str | Path, **environment: str) -> None:
    done = subprocess.run(
        list(map(str, command)),
        cwd=ROOT,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    assert done.returncode == 0, f"{command}:\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}"


@contextmanager
def _alone(file: Path) -> Iterator[None]:
    """One at a time over all processes of this machine."""
    with file.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@pytest.fixture(name="runtime", scope="module")
def _runtime(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of an environment like the runtime's with this wheel in it; kept for as long as both stay the same."""
    python_312 = _python_312()
    if python_312 is None:
        pytest.skip("there is no Python 3.12 here, as python3.12 on the path or in ~/.pyenv")
    dist = tmp_path_factory.mktemp("dist")
    _run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", dist)
    (wheel,) = dist.glob("*.whl")
    home = Path(sys.prefix) / "runtime-17.3"
    python, stamp = home / "bin" / "python", home / "made-of"
    made_of = hashlib.sha256((ROOT / "pyproject.toml").read_bytes() + SHIPPED.read_bytes()).hexdigest()
    pip = (python, "-m", "pip", "install", "-q", "--disable-pip-version-check")
    with _alone(home.with_name("runtime-17.3.lock")):
        if not stamp.exists() or stamp.read_text() != made_of:
            _run(python_312, "-m", "venv", "--clear", home)
            _run(*pip, "-r", SHIPPED, *SPARK)
            # Unconstrained, as a cluster installs a task's wheel.
            _run(*pip, wheel)
            _run(
                python,
                "-P",
                "-c",
                "from pipeline.platform.local_spark import fetch_jars; fetch_jars()",
                JAVA_HOME=str(java_home()),
            )
            stamp.write_text(made_of)
        _run(*pip, "--no-deps", "--force-reinstall", wheel)
    return python


def test_the_wheel_replaces_nothing_that_the_runtime_ships(runtime: Path) -> None:
    listed = subprocess.run([runtime, "-m", "pip", "freeze"], capture_output=True, text=True, check=True).stdout
    installed = dict(re.findall(r"^([\w.-]+)==(\S+)$", listed.lower().replace("_", "-"), re.MULTILINE))
    shipped = dict(re.findall(r"^([\w.-]+)==(\S+)$", SHIPPED.read_text(), re.MULTILINE))
    assert shipped
    assert {name: installed.get(name) for name in shipped} == shipped
    assert installed["pyspark"].startswith("4.0.")


def test_a_message_is_answered_there_with_all_that_the_workspace_gives(
    runtime: Path, world: World, tmp_path: Path
) -> None:
    world.model.api_key = WORKSPACE_TOKEN
    world.rule(
        contains="Hello",
        blocks=[{"type": "reasoning", "summary": []}, {"type": "text", "text": json.dumps({"answer": "Good day."})}],
    )
    world.model.models = ["databricks-gpt-oss-20b"]
    world.say("Hello there")
    with serving(world.model) as workspace:
        workspace.secrets.give("bot", CALLER, telegram_token=TOKEN)
        good = _parameters(tmp_path)
        said = _task(runtime, tmp_path, world, workspace.environment(), [
            good,
            [*good, "--send-rate=0"],
            [*good, "--secret-scope=elsewhere"],
            [*good, "--model=unheard-of"],
        ])  # fmt: skip
    assert "runtime-17.3" in said["installed"]
    well, bad_setting, no_scope, no_model = said["calls"]
    assert well == {"returned": None}, said
    assert [sent["text"] for sent in world.sent()] == ["Good day."]
    (row,) = said["silver"]
    assert (row["user_message"], row["llm_response"], row["delivery_status"]) == ("Hello there", "Good day.", "sent")
    assert said["bronze"] == 1
    assert bad_setting["text"].startswith("--send-rate is '0': ")
    assert no_scope["text"].startswith("--secret-scope 'elsewhere' has no secret telegram-token: ")
    assert no_model["text"].startswith("--model 'unheard-of' is no serving endpoint ")
    for failure in (bad_setting, no_scope, no_model):
        assert (failure["raised"], failure["context"]) == ("RunFailed", "None")


def _parameters(folder: Path) -> list[str]:
    """As the deployed job gives them, but for the volumes."""
    return [
        "run", "--once", "--secret-scope=bot", "--model-source=databricks", "--model=databricks-gpt-oss-20b",
        f"--storage={folder}/state", f"--landing={folder}/landing", "--startup-patience=5",
        *(f"--{name}=spark_catalog.bot.{name}" for name in ("bronze", "silver", "quarantine")),
        "--feedback-table=spark_catalog.bot.feedback",
    ]  # fmt: skip


def _task(
    python: Path, folder: Path, world: World, workspace: dict[str, str], calls: list[list[str]]
) -> dict[str, Any]:
    """What a process like a cluster's driver says of its calls of the entry point."""
    secrets = ("TELEGRAM_BOT_TOKEN", "OPENAI_API_KEY", "OPENAI_BASE_URL")
    ours = {k: v for k, v in world.environment.items() if k not in secrets and not k.startswith("PIPELINE_")}
    done = subprocess.run(
        [python, "-P", "-c", TASK],
        input="".join(f"{json.dumps(call)}\n" for call in calls),
        cwd=folder,
        env=ours | workspace | {"DATABRICKS_RUNTIME_VERSION": "17.3", "JAVA_HOME": str(java_home())},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    written = "".join(content.decode(errors="replace") for _, content in contents(folder))
    for secret in (TOKEN, WORKSPACE_TOKEN):
        assert secret not in done.stdout + done.stderr + written
    assert done.returncode == 0, done.stderr[-4000:]
    said: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    for line in done.stderr.splitlines():
        if line.startswith("{"):
            json.loads(line)
    return said
