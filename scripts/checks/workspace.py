"""The checks of a deployment, which ask its workspace."""

from __future__ import annotations

from dataclasses import dataclass

from databricks.sdk import WorkspaceClient
from databricks.sdk.errors import NotFound
from pydantic import SecretStr

from infra.outputs import Outputs
from pipeline.platform.credentials import Credential, ModelAccess
from pipeline.platform.databricks import SecretNotText, read_secret, serving_access
from pipeline.platform.scope import LLM_API_KEY, TELEGRAM_TOKEN
from pipeline.tables import ANSWERS, TABLES
from pipeline.telegram.client import BotApi
from scripts.checks import data_path
from scripts.checks.columns import check_columns
from scripts.checks.interruption import Interruption
from scripts.checks.job import JobCheck
from scripts.checks.suite import Check, CheckFailed
from scripts.checks.volumes import VolumeCheck
from scripts.target.deployed import deployed_view

_BACKLOG_SECONDS = 300.0
_CONTINUOUS_SECONDS, _TRIGGERED_SECONDS = 120.0, 1200.0
"""Within which the probe must be in silver."""
_LOOK_EVERY = 5.0


@dataclass(frozen=True)
class Patience:
    """How long checks wait, in seconds."""

    deadline: float | None
    """For the probe to reach silver. None: as long as the job's trigger needs."""
    startup: float
    """For a run that is starting, as after a deployment."""


def workspace_checks(
    client: WorkspaceClient, outputs: Outputs, interruption: Interruption, patience: Patience
) -> list[Check]:
    """All checks of one environment."""
    deployment = _Deployment(client, outputs, interruption, patience)
    looks = {
        "tables": deployment.tables,
        "volumes": deployment.volumes.look,
        "scope": deployment.scope,
        "telegram": deployment.telegram,
        "model": deployment.model,
        "job": deployment.job.look,
        "backlog": deployment.backlog,
        "message": deployment.message,
    }
    reachable = Check("workspace", deployment.workspace)
    # The message's rows are read from the tables: without their columns, that failure would hide the one to fix.
    needs = {"message": ("workspace", "tables")}
    return [reachable, *(Check(name, look, needs.get(name, ("workspace",))) for name, look in looks.items())]


class _Deployment:
    def __init__(
        self, client: WorkspaceClient, outputs: Outputs, interruption: Interruption, patience: Patience
    ) -> None:
        self._client = client
        self._outputs = outputs
        self._interruption = interruption
        self._patience = patience
        self._view = deployed_view(client, outputs)
        self._deploy = f"deploy it: make up STACK={outputs.environment}"
        self.volumes = VolumeCheck(client, outputs, interruption, self._deploy)
        self.job = JobCheck(client, outputs, self._view, patience.startup, self._deploy)

    def workspace(self) -> str:
        return f"{self._outputs.host} as {self._client.current_user.me().user_name}"

    def tables(self) -> str:
        for table in (*TABLES, ANSWERS):
            kind = "view" if table is ANSWERS else "table"
            name = getattr(self._outputs, table.name)
            try:
                columns = self._client.tables.get(name).columns or []
            except NotFound:
                raise CheckFailed(f"{kind} {name} does not exist", self._deploy) from None
            check_columns(table, {str(c.name): str(c.type_text) for c in columns}, self._deploy)
        schema = f"{self._outputs.catalog}.{self._outputs.schema_name}"
        return f"{', '.join(table.name for table in TABLES)} and the view {ANSWERS.name} have their columns in {schema}"

    def scope(self) -> str:
        scope, api = self._outputs.secret_scope, self._client.secrets
        wanted = [TELEGRAM_TOKEN, *([LLM_API_KEY] if self._outputs.model_source == "openai" else [])]
        try:
            keys = {secret.key for secret in api.list_secrets(scope)}
        except NotFound:
            raise CheckFailed(f"secret scope {scope} does not exist", self._deploy) from None
        missing = [key for key in wanted if key not in keys]
        if missing:
            fix = "; ".join(self._rotate(key) for key in missing)
            raise CheckFailed(f"scope {scope} has no {' and no '.join(missing)}", fix)
        acls = {str(acl.principal): acl.permission.value for acl in api.list_acls(scope) if acl.permission}
        return f"{', '.join(wanted)} in {scope}; {self._scope_rights(acls)}"

    def telegram(self) -> str:
        api = BotApi(self._outputs.telegram_api_url, Credential(lambda: self._secret(TELEGRAM_TOKEN)), 10.0)
        return data_path.telegram(api, self._view, self._rotate(TELEGRAM_TOKEN))

    def model(self) -> str:
        return data_path.model(self._model_access(), self._outputs.model)

    def backlog(self) -> str:
        bound = _BACKLOG_SECONDS
        if self._outputs.trigger != "continuous":
            # A message that arrives after a run waits for the next one.
            bound += self.job.interval()
        return data_path.backlog(self._view, bound)

    def message(self) -> str:
        continuous = self._outputs.trigger == "continuous"
        deadline = self._patience.deadline or (_CONTINUOUS_SECONDS if continuous else _TRIGGERED_SECONDS)
        if continuous:
            plan = data_path.ProbePlan(deadline, _LOOK_EVERY, self._smoke_chat(), require_run=self.job.serving)
        else:
            plan = data_path.ProbePlan(
                deadline,
                _LOOK_EVERY,
                self._smoke_chat(),
                start_first_run=self.job.starter(),
                start_run=self.job.starter(),
            )
        return data_path.message(self._view, plan, self._interruption)

    def _smoke_chat(self) -> int | None:
        chat = self._outputs.smoke_chat
        try:
            return int(chat) if chat else None
        except ValueError:
            raise CheckFailed(f"the output smoke_chat is {chat!r}", "set smoke_chat to a chat's id, a number") from None

    def _scope_rights(self, acls: dict[str, str]) -> str:
        """Raises CheckFailed if anybody has a right on the scope that the deployment does not give."""
        outputs = self._outputs
        fix = f"{self._deploy}; take away what it does not give"
        if acls.get(outputs.service_principal) != "READ":
            held = acls.get(outputs.service_principal, "no right")
            raise CheckFailed(f"the job's principal has {held} on the scope, not READ", fix)
        if outputs.operators and acls.get(outputs.operators) != "MANAGE":
            held = acls.get(outputs.operators, "no right")
            raise CheckFailed(f"{outputs.operators} has {held} on the scope, not MANAGE", fix)
        others = {
            who: right for who, right in acls.items() if who not in (outputs.service_principal, outputs.operators)
        }
        if others:
            # Whoever creates a scope manages it: that is the deployer of the job.
            deployer = self.job.get().creator_user_name
            others = {who: right for who, right in others.items() if who != deployer}
        if others:
            named = ", ".join(f"{who} ({right})" for who, right in sorted(others.items()))
            raise CheckFailed(f"others have rights on the scope: {named}", fix)
        return "READ for the job's principal, MANAGE for the operators and the deployer alone"

    def _rotate(self, key: str) -> str:
        return f"secrets/rotate.py {key} --stack {self._outputs.environment}"

    def _secret(self, key: str) -> SecretStr:
        scope = self._outputs.secret_scope
        try:
            value = read_secret(self._client, scope, key)
        except NotFound:
            raise CheckFailed(f"scope {scope} has no {key}", self._rotate(key)) from None
        except SecretNotText:
            value = None
        if value is None:
            raise CheckFailed(f"{key} in scope {scope} is empty or not text", self._rotate(key))
        return value

    def _model_access(self) -> ModelAccess:
        if self._outputs.model_source == "openai":
            return ModelAccess(self._outputs.model_url, self._secret(LLM_API_KEY))
        return serving_access(self._client)
