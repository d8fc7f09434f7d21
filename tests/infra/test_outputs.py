"""A deployment's outputs, from a file and from the engine."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from infra import outputs
from infra.outputs import Outputs, OutputsError, read_outputs
from pipeline.errors import OperatorError

VALUES = {**{name: f"the {name}" for name in Outputs.model_fields}, "environment": "dev"}
TOKEN = "42:" + "x" * 35


@pytest.fixture
def pulumi(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A shell script in the engine's place. It begins with noting how it was called in `called`."""
    script = tmp_path / "bin" / "pulumi"
    script.parent.mkdir()
    monkeypatch.setenv("PATH", f"{script.parent}{os.pathsep}{os.environ['PATH']}")
    script.write_text("#!/bin/sh\n")
    script.chmod(0o755)
    return script


def answering(script: Path, commands: str) -> None:
    called = script.parent / "called"
    script.write_text(f'#!/bin/sh\npwd > "{called}"; printf "%s\\n" "$@" >> "{called}"\n{commands}\n')


def refused(stack: str, file: Path | None = None) -> str:
    with pytest.raises(OutputsError) as fault:
        read_outputs(stack, file)
    assert isinstance(fault.value, OperatorError)
    assert fault.value.__cause__ is None
    line = str(fault.value)
    assert "\n" not in line
    return line


def test_outputs_are_read_from_a_file_and_unknown_ones_are_ignored(tmp_path: Path) -> None:
    file = tmp_path / "outputs.json"
    file.write_text(json.dumps({**VALUES, "another": 1}))
    assert read_outputs("dev", file) == Outputs(**VALUES)


def test_outputs_come_from_the_engine_which_runs_in_the_projects_folder(pulumi: Path) -> None:
    answering(pulumi, f"echo '{json.dumps(VALUES)}'")
    assert read_outputs("dev") == Outputs(**VALUES)
    folder, *arguments = (pulumi.parent / "called").read_text().splitlines()
    assert (Path(folder) / "Pulumi.yaml").is_file()
    assert arguments == ["stack", "output", "--json", "--stack", "dev", "--non-interactive"]


def test_a_file_needs_no_engine(tmp_path: Path, pulumi: Path) -> None:
    answering(pulumi, "exit 1")
    file = tmp_path / "outputs.json"
    file.write_text(json.dumps(VALUES))
    assert read_outputs("dev", file).host == "the host"
    assert not (pulumi.parent / "called").exists()


def test_a_file_that_can_not_be_read_is_named(tmp_path: Path) -> None:
    absent, folder, binary = tmp_path / "absent", tmp_path / "folder", tmp_path / "binary"
    folder.mkdir()
    binary.write_bytes(b"\xff\xfe\x00")
    assert refused("dev", absent) == (
        f"--outputs {absent} can't be read (No such file or directory): give a readable file"
    )
    assert refused("dev", folder) == f"--outputs {folder} can't be read (Is a directory): give a readable file"
    assert refused("dev", binary) == f"--outputs {binary} can't be read (not text): give a readable file"


@pytest.mark.parametrize("text", ["", "{", "error: no stack selected"])
def test_a_file_that_holds_no_json_is_named_without_its_content(tmp_path: Path, text: str) -> None:
    file = tmp_path / "outputs.json"
    file.write_text(text)
    assert refused("dev", file) == f"{file} holds no JSON: give what `pulumi stack output --json` printed"


def test_outputs_of_another_stack_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "outputs.json"
    file.write_text(json.dumps(VALUES))
    assert refused("prod", file) == f"{file} is of 'dev', not of 'prod': give the outputs of that stack"


def test_a_stack_named_with_its_organisation_is_that_stack(tmp_path: Path) -> None:
    file = tmp_path / "outputs.json"
    file.write_text(json.dumps(VALUES))
    assert read_outputs("acme/dev", file).environment == "dev"
    assert refused("acme/prod", file) == f"{file} is of 'dev', not of 'acme/prod': give the outputs of that stack"


def test_missing_outputs_are_named_without_the_values_of_the_others(tmp_path: Path) -> None:
    file = tmp_path / "outputs.json"
    file.write_text(json.dumps({key: value for key, value in VALUES.items() if key not in ("host", "silver")}))
    assert refused("dev", file) == (f"{file} lacks the outputs host, silver: run `make up STACK=dev` with this version")


@pytest.mark.parametrize("text", ["[]", "null", '"dev"', "{}"])
def test_json_that_holds_no_outputs_is_refused_in_one_line(tmp_path: Path, text: str) -> None:
    file = tmp_path / "outputs.json"
    file.write_text(text)
    assert refused("dev", file).startswith(f"{file} lacks the outputs environment, host, ")


def test_a_stack_that_was_never_deployed_has_no_outputs(pulumi: Path) -> None:
    answering(pulumi, "echo '{}'")
    line = refused("dev")
    assert line.startswith("stack dev lacks the outputs environment, host, ")
    assert line.endswith(": run `make up STACK=dev` with this version")


def test_a_missing_engine_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert refused("dev") == "pulumi is not on the PATH: install it, or give --outputs FILE"


def test_a_refusal_of_the_engine_is_quoted_by_its_first_line_without_secrets(pulumi: Path) -> None:
    answering(pulumi, f"echo >&2; echo 'error: no stack named {TOKEN}' >&2; echo 'more of it' >&2; exit 255")
    assert refused("dev") == (
        "the outputs of stack dev can't be read (no stack named <secret>): log in with `pulumi login`, check --stack"
    )


def test_an_engine_that_fails_without_output_is_reported_with_its_exit_code(pulumi: Path) -> None:
    answering(pulumi, "exit 7")
    assert "(exit code 7)" in refused("dev")


def test_the_wait_for_an_engine_that_does_not_answer_is_limited(pulumi: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outputs, "_TIMEOUT", 0.3)
    answering(pulumi, "exec sleep 30")
    assert refused("dev") == "pulumi did not answer within 0 s: check the network and its backend"
