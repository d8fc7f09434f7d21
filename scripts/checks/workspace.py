"""The checks of a deployment, asked of its workspace."""

from __future__ import annotations

import base64
import binascii
import io
import time
import uuid
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

from databricks.sdk import WorkspaceClient
from databricks.sdk.errors import NotFound, PermissionDenied
from pydantic import SecretStr

from infra.outputs import Outputs
from pipeline.platform.credentials import Credential, ModelAccess
from pipeline.platform.scope import LLM_API_KEY, TELEGRAM_TOKEN
from pipeline.tables import TABLES
from pipeline.telegram.client import BotApi
from scripts.checks import data_path as pipeline_checks
from scripts.checks.columns import columns_fit
from scripts.checks.interruption import Interruption
from scripts.checks.job import EVERYBODY, StreamingJob
from scripts.checks.suite import Check, Fault
from scripts.checks.workspace_view import WorkspaceLake

_WRITING = frozenset({"WRITE_VOLUME", "ALL_PRIVILEGES", "MANAGE"})
_BACKLOG_SECONDS = 300.0
_CONTINUOUS_SECONDS, _TRIGGERED_SECONDS = 120.0, 1200.0
_LOOK_EVERY = 5.0
_AS_OWNER = "run it as whoever deployed it: the owner sees every grant"
_PROBE = "_smoke-"
_PROBE_IS_OLD = timedelta(hours=1)


@dataclass(frozen=True)
class Patience:
    """Seconds. `deadline` is for the synthetic message (None: by how the job is triggered), `startup` for a run that
    is only just starting, as after a deployment."""

    deadline: float | None
    startup: float


def workspace_checks(
    client: WorkspaceClient, outputs: Outputs, interruption: Interruption, patience: Patience
) -> list[Check]:
    """All checks of one environment."""
    made = _Deployment(client, outputs, interruption, patience)
    looks = {
        "tables": made.tables,
        "volumes": made.volumes,
        "scope": made.scope,
        "telegram": made.telegram,
        "model": made.model,
        "job": made.job.look,
        "backlog": made.backlog,
        "message": made.message,
    }
    reachable = Check("workspace", made.workspace)
    return [reachable, *(Check(name, look, needs=("workspace",)) for name, look in looks.items())]


class _Deployment:
    def __init__(
        self, client: WorkspaceClient, outputs: Outputs, interruption: Interruption, patience: Patience
    ) -> None:
        self._client = client
        self._outputs = outputs
        self._interruption = interruption
        self._patience = patience
        self._lake = WorkspaceLake(client, outputs)
        self._deploy = f"deploy it: make up STACK={outputs.environment}"
        self.job = StreamingJob(client, outputs, self._lake, patience.startup, self._deploy)

    def workspace(self) -> str:
        return f"{self._outputs.host} as {self._client.current_user.me().user_name}"

    def tables(self) -> str:
        for table in TABLES:
            name = getattr(self._outputs, table.name)
            try:
                columns = self._client.tables.get(name).columns or []
            except NotFound:
                raise Fault(f"table {name} does not exist", self._deploy) from None
            columns_fit(table, {str(c.name): str(c.type_text) for c in columns}, self._deploy)
        return (
            f"bronze, silver and quarantine have their columns in {self._outputs.catalog}.{self._outputs.schema_name}"
        )

    def volumes(self) -> str:
        outputs = self._outputs
        written = []
        for path in (outputs.landing, outputs.storage):
            self._rights(path)
            written.append(self._probe(path))
        note = "" if all(written) else "; not written by the caller, who has no right to"
        return f"landing and state are written by the job's principal, not by readers{note}"

    def scope(self) -> str:
        scope, api = self._outputs.secret_scope, self._client.secrets
        wanted = [TELEGRAM_TOKEN, *([LLM_API_KEY] if self._outputs.model_source == "openai" else [])]
        try:
            keys = {secret.key for secret in api.list_secrets(scope)}
        except NotFound:
            raise Fault(f"secret scope {scope} does not exist", self._deploy) from None
        missing = [key for key in wanted if key not in keys]
        if missing:
            fix = "; ".join(self._rotate(key) for key in missing)
            raise Fault(f"scope {scope} has no {' and no '.join(missing)}", fix)
        acls = {str(acl.principal): acl.permission.value for acl in api.list_acls(scope) if acl.permission}
        return f"{', '.join(wanted)} in {scope}; {self._scope_rights(acls)}"

    def telegram(self) -> str:
        api = BotApi(self._outputs.telegram_api_url, Credential(lambda: self._secret(TELEGRAM_TOKEN)), 10.0)
        return pipeline_checks.telegram(api, self._lake, self._rotate(TELEGRAM_TOKEN))

    def model(self) -> str:
        return pipeline_checks.model(self._model_access(), self._outputs.model)

    def backlog(self) -> str:
        bound = _BACKLOG_SECONDS
        if self._outputs.trigger != "continuous":
            # What comes after a run waits for the next.
            bound += self.job.interval()
        return pipeline_checks.backlog(self._lake, bound)

    def message(self) -> str:
        continuous = self._outputs.trigger == "continuous"
        how = pipeline_checks.Synthetic(
            self._patience.deadline or (_CONTINUOUS_SECONDS if continuous else _TRIGGERED_SECONDS),
            _LOOK_EVERY,
            chat=self._smoke_chat(),
            ready=self.job.serving if continuous else lambda: None,
            first=(lambda: None) if continuous else self.job.starter(),
            nudge=(lambda: None) if continuous else self.job.starter(),
        )
        return pipeline_checks.message(self._lake, how, self._interruption)

    def _smoke_chat(self) -> int | None:
        chat = self._outputs.smoke_chat
        try:
            return int(chat) if chat else None
        except ValueError:
            raise Fault(f"the output smoke_chat is {chat!r}", "set smoke_chat to a chat's id, a number") from None

    def _rights(self, path: str) -> None:
        """Who may write to a volume, by their effective privileges. Raises Fault."""
        _, _, catalog, schema, name = path.split("/")[:5]
        principal = self._outputs.service_principal
        for kind, full_name, needed in (
            ("catalog", catalog, {"USE_CATALOG"}),
            ("schema", f"{catalog}.{schema}", {"USE_SCHEMA"}),
            ("volume", f"{catalog}.{schema}.{name}", {"READ_VOLUME", "WRITE_VOLUME"}),
        ):
            held = self._held(kind, full_name)
            # What everybody has the principal has too, as in a catalog of others it may.
            has = set().union(*(held.get(who, set()) for who in (principal, *EVERYBODY)))
            lacking = needed - has
            if lacking and "ALL_PRIVILEGES" not in has:
                raise Fault(
                    f"the job's principal lacks {', '.join(sorted(lacking))} on {kind} {full_name}",
                    f"{self._deploy}; or {_AS_OWNER}",
                )
            if kind != "volume":
                continue
            for group in {self._outputs.readers, *EVERYBODY} - {""}:
                if too_much := held.get(group, set()) & _WRITING:
                    raise Fault(
                        f"{group} has {', '.join(sorted(too_much))} on volume {full_name}",
                        f"revoke it from {group}, there or on the schema and catalog above",
                    )

    def _held(self, kind: str, full_name: str) -> dict[str, set[str]]:
        """Effective privileges on a securable, by principal."""
        held: dict[str, set[str]] = {}
        page: str | None = None
        while True:
            try:
                found = self._client.grants.get_effective(kind, full_name, max_results=0, page_token=page)
            except NotFound:
                raise Fault(f"{kind} {full_name} does not exist", self._deploy) from None
            except PermissionDenied:
                raise Fault(f"the caller may not see the grants on {kind} {full_name}", _AS_OWNER) from None
            for assignment in found.privilege_assignments or []:
                privileges = {p.privilege.value for p in assignment.privileges or [] if p.privilege}
                held.setdefault(str(assignment.principal), set()).update(privileges)
            page = found.next_page_token
            if not page:
                return held

    def _probe(self, path: str) -> bool:
        """Write a file into a volume and remove it again; False where the caller may not write there."""
        files = self._client.files
        # The underscore hides it from the stream.
        file = f"{path}/{_PROBE}{uuid.uuid4().hex[:12]}"
        self._interruption.leaves(file, partial(_removed, self._client, file))
        try:
            files.upload(file, io.BytesIO(b"smoke"), overwrite=False)
        except PermissionDenied:
            self._interruption.keep(file)
            return False
        oldest = time.time() - _PROBE_IS_OLD.total_seconds()
        for entry in files.list_directory_contents(path):
            # Left by a check that was killed: nobody else clears it up.
            if (
                entry.name
                and entry.path
                and entry.name.startswith(_PROBE)
                and (entry.last_modified or 0) < oldest * 1e3
            ):
                _removed(self._client, entry.path)
        return True

    def _scope_rights(self, acls: dict[str, str]) -> str:
        """Raises Fault where somebody has another right on the scope than the deployment gives."""
        outputs = self._outputs
        fix = f"{self._deploy}; take away what it does not give"
        if acls.get(outputs.service_principal) != "READ":
            held = acls.get(outputs.service_principal, "no right")
            raise Fault(f"the job's principal has {held} on the scope, not READ", fix)
        if outputs.operators and acls.get(outputs.operators) != "MANAGE":
            held = acls.get(outputs.operators, "no right")
            raise Fault(f"{outputs.operators} has {held} on the scope, not MANAGE", fix)
        others = {
            who: right for who, right in acls.items() if who not in (outputs.service_principal, outputs.operators)
        }
        if others:
            # Who makes a scope manages it: that is whoever deployed the job.
            deployer = self.job.get().creator_user_name
            others = {who: right for who, right in others.items() if who != deployer}
        if others:
            named = ", ".join(f"{who} ({right})" for who, right in sorted(others.items()))
            raise Fault(f"others have rights on the scope: {named}", fix)
        return "READ for the job's principal, MANAGE for the operators and the deployer alone"

    def _rotate(self, key: str) -> str:
        return f"secrets/rotate.py {key} --stack {self._outputs.environment}"

    def _secret(self, key: str) -> SecretStr:
        scope = self._outputs.secret_scope
        try:
            encoded = self._client.secrets.get_secret(scope, key).value or ""
        except NotFound:
            raise Fault(f"scope {scope} has no {key}", self._rotate(key)) from None
        with suppress(binascii.Error, UnicodeDecodeError):
            if value := base64.b64decode(encoded, validate=True).decode().strip():
                return SecretStr(value)
        raise Fault(f"{key} in scope {scope} is empty or not text", self._rotate(key))

    def _model_access(self) -> ModelAccess:
        outputs = self._outputs
        if outputs.model_source == "openai":
            return ModelAccess(outputs.model_url, self._secret(LLM_API_KEY))
        kind, _, bearer = self._client.config.authenticate().get("Authorization", "").partition(" ")
        if kind.lower() != "bearer":
            raise Fault("the caller's sign-in gives no bearer to ask the model with", "sign in with OAuth or a token")
        return ModelAccess(f"{outputs.host.rstrip('/')}/serving-endpoints", SecretStr(bearer))


def _removed(client: WorkspaceClient, file: str) -> None:
    with suppress(NotFound):
        client.files.delete(file)
