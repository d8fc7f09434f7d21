"""What importing the pipeline must not load."""

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
HEAVY = {
    "pyspark",
    "py4j",
    "delta",
    "pulumi",
    "pulumi_databricks",
    "pandas",
    "pyarrow",
    "xllamacpp",
    "starlette",
    "uvicorn",
    "databricks",
}


def test_no_module_but_the_demo_loads_spark_pulumi_or_the_sandbox() -> None:
    modules = sorted(f"pipeline.{path.stem}" for path in (ROOT / "pipeline").glob("[!_]*.py") if path.stem != "demo")
    assert {"pipeline.cli", "pipeline.tables", "pipeline.lanes", "pipeline.silver", "pipeline.delta"} <= set(modules)
    load = f"for name in {modules}: importlib.import_module(name)"
    script = f"import importlib, json, sys\n{load}\nprint(json.dumps([*sys.modules]))"
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    loaded = set(json.loads(done.stdout))
    assert set(modules) <= loaded
    assert HEAVY & {name.partition(".")[0] for name in loaded} == set()
    assert [name for name in loaded if name.startswith("pipeline.sandbox")] == []
    assert done.stderr == ""
