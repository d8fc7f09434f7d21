"""The permissions of a serving endpoint of the workspace: the job's principal may query it."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
import pulumi_databricks as databricks

from infra.components.access import Group, access_list


@dataclass(frozen=True)
class ModelPermissionsArgs:
    model: str
    """Name of the endpoint. This stack declares its whole access list: whoever is not in it loses their access."""
    service_principal: pulumi.Input[str]
    operators: Group | None


class ModelPermissions(pulumi.ComponentResource):
    """CAN_QUERY for the job's principal, CAN_MANAGE for the operators.

    Only for custom endpoints: everyone may query the foundation models of a workspace, and a server outside the
    workspace takes a key, which is in the secret scope.
    """

    endpoint_id: pulumi.Output[str]

    def __init__(self, name: str, args: ModelPermissionsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("telegram-lakehouse:infra:ModelAccess", name, None, opts)
        found = databricks.get_serving_endpoints_output(opts=pulumi.InvokeOutputOptions(parent=self))
        self.endpoint_id = found.endpoints.apply(lambda endpoints: _id_of(args.model, endpoints))
        rights = [
            databricks.PermissionsAccessControlArgs(
                service_principal_name=args.service_principal, permission_level="CAN_QUERY"
            ),
            *access_list((args.operators, "CAN_MANAGE")),
        ]
        databricks.Permissions(
            f"{name}-permissions",
            serving_endpoint_id=self.endpoint_id,
            access_controls=rights,
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.register_outputs({"endpoint_id": self.endpoint_id})


def _id_of(name: str, endpoints: list[databricks.outputs.GetServingEndpointsEndpointResult] | None) -> str:
    if endpoints is None:
        return name  # a preview before the workspace is created
    for endpoint in endpoints:
        if endpoint.name == name and endpoint.id:
            return endpoint.id
    raise pulumi.RunError(f"model is {name!r}: the workspace has no serving endpoint of that name that has permissions")
