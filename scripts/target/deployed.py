"""A deployment as commands reach it: the sign-in and the view of its data."""

from __future__ import annotations

from typing import TYPE_CHECKING

from infra.outputs import Outputs
from pipeline.platform.databricks import WaitLimits, sign_in
from pipeline.tables import TABLES
from pipeline.view.warehouse import WarehouseView

if TYPE_CHECKING:
    from databricks.sdk import WorkspaceClient

_WAITS = WaitLimits(request=30, retries=20)
"""A person waits for the result, and listing a large folder may take long."""


def signed_in(outputs: Outputs) -> WorkspaceClient:
    """A client of the deployment's workspace. Raises OperatorError if there are no credentials for it."""
    return sign_in(outputs.host, waits=_WAITS)


def deployed_view(client: WorkspaceClient, outputs: Outputs) -> WarehouseView:
    """The view of the deployment's data."""
    return WarehouseView(
        client,
        warehouse_id=outputs.warehouse_id,
        tables={table.name: getattr(outputs, table.name) for table in TABLES},
        landing=outputs.landing,
        storage=outputs.storage,
    )
