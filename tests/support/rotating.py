"""A deployment whose secrets are rotated: its stores, the services that accept its secrets, and calls of the script."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import requests
from moto.server import ThreadedMotoServer

from infra.outputs import Outputs
from pipeline.sandbox.models.scripted import ScriptedModel
from pipeline.sandbox.server import serve
from pipeline.sandbox.telegram.simulator import Telegram
from pipeline.sandbox.web.app import create_app
from tests.support.deployment import outputs
from tests.support.workspace.server import CALLER, Workspace

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient

ROOT = Path(__file__).resolve().parents[2]
OLD = "42:" + "old-token-of-the-simulated-bot-----"
NEW = "42:" + "new-token-of-the-simulated-bot-----"
OTHERS = "43:" + "token-of-quite-another-bot---------"
OLD_KEY = "old-key-of-the-scripted-model"
NEW_KEY = "new-key-of-the-scripted-model"
REGION = "eu-central-1"


@dataclass
class Rotating:
    """The deployment `prod` and the services around it. Scope `bot-prod` has the old token and the old key."""

    folder: Path
    workspace: Workspace
    telegram: Telegram
    telegram_url: str
    model: ScriptedModel
    model_url: str
    aws_url: str = ""
    changes: dict[str, str] = field(default_factory=dict)
    """Outputs that differ."""

    @property
    def outputs(self) -> Outputs:
        urls = {"host": self.workspace.url, "telegram_api_url": self.telegram_url, "model_url": f"{self.model_url}/v1"}
        return outputs(**(urls | self.changes))

    @property
    def file(self) -> Path:
        """The outputs, as a file."""
        file = self.folder / "outputs.json"
        file.write_text(self.outputs.model_dump_json())
        return file

    @property
    def audit(self) -> Path:
        return self.folder / "audit.jsonl"

    @property
    def environment(self) -> dict[str, str]:
        """The environment variables that the script needs."""
        aws = {
            "AWS_ENDPOINT_URL_SECRETS_MANAGER": self.aws_url,
            "AWS_ACCESS_KEY_ID": "key-id",
            "AWS_SECRET_ACCESS_KEY": "the-aws-key",
        }
        return {**self.workspace.environment(), **(aws if self.aws_url else {})}

    @property
    def aws(self) -> SecretsManagerClient:
        """A client of AWS for the test itself."""
        return boto3.client(
            "secretsmanager",
            region_name=REGION,
            endpoint_url=self.aws_url,
            aws_access_key_id="test",
            aws_secret_access_key="test",
        )

    def use_aws(self, aws_url: str, prefix: str) -> None:
        """Make AWS the source of truth. It has no secrets yet."""
        self.aws_url = aws_url
        self.changes |= {"aws_secrets": prefix, "aws_region": REGION}

    def staged_in_aws(self, secret: str = "telegram-token") -> dict[str, str]:
        """The value that each stage has in AWS."""
        name = f"{self.changes['aws_secrets']}/{secret}"
        return {
            stage: self.aws.get_secret_value(SecretId=name, VersionId=version["VersionId"])["SecretString"]
            for version in self.aws.list_secret_version_ids(SecretId=name)["Versions"]
            for stage in version["VersionStages"]
        }

    def held(self) -> dict[str, str]:
        """The values in the scope, without the ledgers."""
        secrets = self.workspace.secrets.scopes["bot-prod"].secrets
        return {key: secret.value.decode() for key, secret in secrets.items() if not key.endswith(".meta")}

    @property
    def writes(self) -> list[str]:
        """Paths of the requests to the workspace, so far, that change something."""
        return [call.path for call in self.workspace.calls if call.writes]

    def break_telegram(self) -> None:
        """From now on Telegram can't say which bot a token belongs to."""
        fault = {"method": "getMe", "kind": "status", "status": 502}
        requests.post(f"{self.telegram_url}/sandbox/faults", json=fault, timeout=5).raise_for_status()

    def heal_telegram(self) -> None:
        requests.delete(f"{self.telegram_url}/sandbox/faults", timeout=5).raise_for_status()

    def words(self, *words: str) -> list[str]:
        audit = [] if words[0] == "status" else ["--audit", str(self.audit)]
        return [*words, "--stack", "prod", "--outputs", str(self.file), *audit]

    def start(self, *words: str, **streams: Any) -> subprocess.Popen[str]:
        """Start the real script in a process of its own."""
        command = [sys.executable, str(ROOT / "secrets" / "rotate.py"), *self.words(*words)]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT} | streams
        return subprocess.Popen(command, env=os.environ | self.environment, text=True, **pipes)

    def run(self, *words: str, given: str = "") -> tuple[int, str]:
        """Run the real script to its end: its exit code, and what it printed."""
        process = self.start(*words)
        said, _ = process.communicate(given, timeout=120)
        return process.returncode, said


@contextmanager
def rotating(folder: Path, workspace: Workspace) -> Iterator[Rotating]:
    """A deployment until the block ends."""
    telegram, model = Telegram(OLD), ScriptedModel(api_key=OLD_KEY)
    workspace.secrets.give("bot-prod", CALLER, telegram_token=OLD, llm_api_key=OLD_KEY)
    with serve(create_app(telegram)) as bot_api, serve(model.app) as model_server:
        yield Rotating(folder, workspace, telegram, bot_api.url, model, model_server.url)


@contextmanager
def moto_aws() -> Iterator[str]:
    """The address of moto's AWS, until the block ends."""
    server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        yield f"http://{host}:{port}"
    finally:
        server.stop()
