"""The check of a deployment's volumes: who may write to them, by their grants and by trying it."""

from __future__ import annotations

import io
import time
import uuid
from contextlib import suppress
from datetime import timedelta
from functools import partial

from databricks.sdk import WorkspaceClient
from databricks.sdk.errors import NotFound, PermissionDenied

from infra.outputs import Outputs
from scripts.checks.interruption import Interruption
from scripts.checks.job import EVERYBODY
from scripts.checks.suite import CheckFailed

_WRITING = frozenset({"WRITE_VOLUME", "ALL_PRIVILEGES", "MANAGE"})
_AS_OWNER = "run it as whoever deployed it: the owner sees every grant"
_TEST_FILE = "_smoke-"
"""The underscore hides such a file from the stream."""
_TEST_FILE_IS_OLD = timedelta(hours=1)


class VolumeCheck:
    """The volumes of the landing and of the pipeline's state."""

    def __init__(self, client: WorkspaceClient, outputs: Outputs, interruption: Interruption, deploy: str) -> None:
        """`deploy`: the fix for what a deployment lacks."""
        self._client = client
        self._outputs = outputs
        self._interruption = interruption
        self._deploy = deploy

    def look(self) -> str:
        written = []
        for path in (self._outputs.landing, self._outputs.storage):
            self._check_rights(path)
            written.append(self._write_test_file(path))
        note = "" if all(written) else "; not written by the caller, who has no right to"
        return f"landing and state are written by the job's principal, not by readers{note}"

    def _check_rights(self, path: str) -> None:
        """Raises CheckFailed if the wrong principals may write to a volume, by their effective privileges."""
        _, _, catalog, schema, name = path.split("/")[:5]
        principal = self._outputs.service_principal
        for kind, full_name, needed in (
            ("catalog", catalog, {"USE_CATALOG"}),
            ("schema", f"{catalog}.{schema}", {"USE_SCHEMA"}),
            ("volume", f"{catalog}.{schema}.{name}", {"READ_VOLUME", "WRITE_VOLUME"}),
        ):
            privileges = self._privileges(kind, full_name)
            # The principal also has what everybody has; a shared catalog may grant its use to everybody.
            has = set().union(*(privileges.get(holder, set()) for holder in (principal, *EVERYBODY)))
            lacking = needed - has
            if lacking and "ALL_PRIVILEGES" not in has:
                raise CheckFailed(
                    f"the job's principal lacks {', '.join(sorted(lacking))} on {kind} {full_name}",
                    f"{self._deploy}; or {_AS_OWNER}",
                )
            if kind != "volume":
                continue
            for group in {self._outputs.readers, *EVERYBODY} - {""}:
                if too_much := privileges.get(group, set()) & _WRITING:
                    raise CheckFailed(
                        f"{group} has {', '.join(sorted(too_much))} on volume {full_name}",
                        f"revoke it from {group}, there or on the schema and catalog above",
                    )

    def _privileges(self, kind: str, full_name: str) -> dict[str, set[str]]:
        """The effective privileges on a securable, by principal."""
        privileges: dict[str, set[str]] = {}
        page: str | None = None
        while True:
            try:
                found = self._client.grants.get_effective(kind, full_name, max_results=0, page_token=page)
            except NotFound:
                raise CheckFailed(f"{kind} {full_name} does not exist", self._deploy) from None
            except PermissionDenied:
                raise CheckFailed(f"the caller may not see the grants on {kind} {full_name}", _AS_OWNER) from None
            for assignment in found.privilege_assignments or []:
                held = {p.privilege.value for p in assignment.privileges or [] if p.privilege}
                privileges.setdefault(str(assignment.principal), set()).update(held)
            page = found.next_page_token
            if not page:
                return privileges

    def _write_test_file(self, path: str) -> bool:
        """Write a file into a volume, to be removed again. False if the caller may not write there."""
        files = self._client.files
        file = f"{path}/{_TEST_FILE}{uuid.uuid4().hex[:12]}"
        self._interruption.will_remove(file, partial(_remove, self._client, file))
        try:
            files.upload(file, io.BytesIO(b"smoke"), overwrite=False)
        except PermissionDenied:
            self._interruption.keep(file)
            return False
        oldest = (time.time() - _TEST_FILE_IS_OLD.total_seconds()) * 1e3
        for entry in files.list_directory_contents(path):
            is_test_file = (entry.name or "").startswith(_TEST_FILE)
            if is_test_file and entry.path and (entry.last_modified or 0) < oldest:
                _remove(self._client, entry.path)  # left by a check that was killed
        return True


def _remove(client: WorkspaceClient, file: str) -> None:
    with suppress(NotFound):
        client.files.delete(file)
