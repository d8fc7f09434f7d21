"""A deployment's secrets: which ones it has, where they are stored, and how a new value is proved."""

from __future__ import annotations

import json

from infra.outputs import Outputs
from pipeline.errors import OperatorError
from pipeline.platform.scope import LLM_API_KEY, TELEGRAM_TOKEN
from rotation.aws_store import AwsStore
from rotation.proof import bot_of, model_key, telegram
from rotation.scope_store import Published, Scope, ScopeStore, signed_in
from rotation.steps import Found, Prove


class Deployment:
    """The secrets of one stack, and where they are stored."""

    def __init__(self, outputs: Outputs) -> None:
        self.outputs = outputs
        self.workspace = signed_in(outputs.host)
        self.scope = Scope(self.workspace, outputs.secret_scope)

    @property
    def secrets(self) -> list[str]:
        """Names of its secrets."""
        return [TELEGRAM_TOKEN] if self.outputs.model_source == "databricks" else [TELEGRAM_TOKEN, LLM_API_KEY]

    def require(self, secret: str) -> None:
        """Raises OperatorError if the deployment has no such secret."""
        if secret not in self.secrets:
            raise OperatorError(
                f"{secret}: the model of {self.outputs.environment} is served by the workspace, which needs no key: "
                "there is nothing to rotate"
            )

    def store(self, secret: str) -> ScopeStore | AwsStore:
        published = Published(self.scope, secret)
        if self.outputs.aws_secrets:
            return AwsStore(self.outputs.aws_secrets, self.outputs.aws_region, self.outputs.environment, published)
        return ScopeStore(published)

    def proof(self, secret: str, found: Found) -> Prove:
        """The test that a new value of a secret must pass."""
        if secret == LLM_API_KEY:
            return model_key(self.outputs.model_url, self.outputs.model)
        url = self.outputs.telegram_api_url or "https://api.telegram.org"
        return telegram(url, self._bot_id(found))

    def _bot_id(self, found: Found) -> int | None:
        """The deployment's bot: the owner of its storage, or else the bot of the current token."""
        claimed = self._claimed_by()
        if claimed is not None:
            return claimed
        token = self.scope.get(TELEGRAM_TOKEN) or (found.current.value if found.current else None)
        return bot_of(token) if token else None

    def _claimed_by(self) -> int | None:
        try:
            contents = self.workspace.files.download(f"{self.outputs.storage}/bot.json").contents
            return int(json.loads(contents.read())["bot_id"]) if contents else None
        except Exception:  # missing, or not readable by this caller: the current token names the bot too
            return None
