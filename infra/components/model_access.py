"""Model access: the right of the job's principal to ask a serving endpoint of the workspace."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
import pulumi_databricks as databricks


@dataclass(frozen=True)
class ModelAccessArgs:
    endpoint: str
    """An endpoint whose whole access list this stack declares: what it does not name loses its access."""
    service_principal: pulumi.Input[str]
    operators: pulumi.Input[str]
    has_operators: bool


class ModelAccess(pulumi.ComponentResource):
    """CAN_QUERY for the job's principal, CAN_MANAGE for the operators.

    Only for endpoints of one's own: everyone may query the foundation models of a workspace, and a server elsewhere
    takes a key, which is in the secret scope.
    """

    endpoint_id: pulumi.Output[str]

    def __init__(self, name: str, args: ModelAccessArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("telegram-lakehouse:infra:ModelAccess", name, None, opts)
        found = databricks.get_serving_endpoints_output(opts=pulumi.InvokeOutputOptions(parent=self))
        self.endpoint_id = found.endpoints.apply(lambda endpoints: _id_of(args.endpoint, endpoints))
        rights = [
            databricks.PermissionsAccessControlArgs(
                service_principal_name=args.service_principal, permission_level="CAN_QUERY"
            )
        ]
        if args.has_operators:
            rights.append(
                databricks.PermissionsAccessControlArgs(group_name=args.operators, permission_level="CAN_MANAGE")
            )
        databricks.Permissions(
            f"{name}-permissions",
            serving_endpoint_id=self.endpoint_id,
            access_controls=rights,
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.register_outputs({"endpoint_id": self.endpoint_id})


def _id_of(name: str, endpoints: list[databricks.outputs.GetServingEndpointsEndpointResult] | None) -> str:
    if endpoints is None:
        return name  # a preview of a workspace that is still to be made
    for endpoint in endpoints:
        if endpoint.name == name and endpoint.id:
            return endpoint.id
    raise pulumi.RunError(f"model is {name!r}: the workspace has no serving endpoint of that name that has permissions")
