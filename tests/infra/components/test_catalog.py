"""The catalog: what is declared in Unity Catalog, and who may do what with it."""

from __future__ import annotations

import re
from typing import Any

import pulumi
import pulumi_databricks as databricks
import pytest

from infra.components.access import Group
from infra.components.catalog import Catalog, CatalogArgs
from pipeline.tables import ANSWERS, SILVER, TABLES, Table
from tests.support.program import APPLICATION, WORKSPACE, Run, run_component, run_program

WHOLE = CatalogArgs(
    catalog="lake_dev",
    create_catalog=True,
    schema_name="telegram",
    warehouse_name="telegram-lakehouse-dev",
    tags={"environment": "dev", "product": "telegram-lakehouse"},
    protect=False,
    deployment="telegram-lakehouse/dev",
    secret_scope="telegram-lakehouse-dev",
    service_principal=APPLICATION,
    operators=Group("operators"),
    readers=Group("readers"),
    new_principal=True,
)
TABLE_NAMES = [f"lake_dev.telegram.{table.name}" for table in TABLES]


def declared(
    calls: dict[str, Any] | None = None, *, preview: bool = False, run: Run | None = None, **changes: Any
) -> Run:
    def program(opts: pulumi.ResourceOptions) -> dict[str, pulumi.Input[Any]]:
        catalog = Catalog("catalog", CatalogArgs(**{**vars(WHOLE), **changes}), opts)
        return {
            "catalog": catalog.catalog,
            "schema": catalog.schema,
            "warehouse_id": catalog.warehouse_id,
            **catalog.tables,
            "answers": catalog.answers,
            **catalog.volumes,
        }

    return run_component(program, calls=calls, preview=preview, run=run)


@pytest.fixture(scope="module")
def whole() -> Run:
    return declared()


def grants(run: Run) -> set[tuple[str, str, tuple[str, ...]]]:
    """(principal, securable, privileges) of every grant."""
    securables = ("catalog", "schema", "table", "volume")
    found = []
    for grant in run.of("Grant"):
        on = [f"{kind} {grant.inputs[kind]}" for kind in grant.inputs if kind not in ("principal", "privileges")]
        assert [text.split()[0] for text in on if text.split()[0] not in securables] == []
        assert len(on) == 1, grant.name
        found.append((grant.inputs["principal"], on[0], tuple(sorted(grant.inputs["privileges"]))))
    assert len(set(found)) == len(found)
    return set(found)


def tables(run: Run, kind: str = "MANAGED") -> set[str]:
    """The names of the tables declared; of the views, if `kind` is VIEW."""
    return {table.inputs["name"] for table in run.of("SqlTable") if table.inputs["tableType"] == kind}


JOB = {
    (APPLICATION, "catalog lake_dev", ("USE_CATALOG",)),
    (APPLICATION, "schema lake_dev.telegram", ("USE_SCHEMA",)),
    (APPLICATION, "table lake_dev.telegram.bronze", ("MODIFY", "SELECT")),
    (APPLICATION, "table lake_dev.telegram.silver", ("MODIFY", "SELECT")),
    (APPLICATION, "table lake_dev.telegram.quarantine", ("MODIFY", "SELECT")),
    (APPLICATION, "table lake_dev.telegram.feedback", ("MODIFY", "SELECT")),
    (APPLICATION, "volume lake_dev.telegram.landing", ("READ_VOLUME", "WRITE_VOLUME")),
    (APPLICATION, "volume lake_dev.telegram.state", ("READ_VOLUME", "WRITE_VOLUME")),
    (APPLICATION, "volume lake_dev.telegram.artifacts", ("READ_VOLUME",)),
}
OPERATORS = {
    ("operators", "catalog lake_dev", ("USE_CATALOG",)),
    ("operators", "schema lake_dev.telegram", ("USE_SCHEMA",)),
    ("operators", "table lake_dev.telegram.bronze", ("SELECT",)),
    ("operators", "table lake_dev.telegram.silver", ("SELECT",)),
    ("operators", "table lake_dev.telegram.quarantine", ("SELECT",)),
    ("operators", "table lake_dev.telegram.feedback", ("SELECT",)),
    ("operators", "table lake_dev.telegram.answers", ("SELECT",)),
    ("operators", "volume lake_dev.telegram.landing", ("READ_VOLUME", "WRITE_VOLUME")),
    ("operators", "volume lake_dev.telegram.state", ("READ_VOLUME", "WRITE_VOLUME")),
}
READERS = {
    ("readers", "catalog lake_dev", ("USE_CATALOG",)),
    ("readers", "schema lake_dev.telegram", ("USE_SCHEMA",)),
    ("readers", "table lake_dev.telegram.silver", ("SELECT",)),
    ("readers", "table lake_dev.telegram.feedback", ("SELECT",)),
    ("readers", "table lake_dev.telegram.answers", ("SELECT",)),
}


def test_each_principal_is_granted_what_it_needs_and_nothing_else(whole: Run) -> None:
    assert grants(whole) == JOB | OPERATORS | READERS


def test_without_groups_only_the_job_has_grants() -> None:
    run = declared(operators=None, readers=None)
    assert grants(run) == JOB
    assert run.of("Permissions") == []


def test_one_group_does_not_need_the_other() -> None:
    assert grants(declared(readers=None)) == JOB | OPERATORS
    assert grants(declared(operators=None)) == JOB | READERS


def test_no_resource_replaces_what_others_were_granted(whole: Run) -> None:
    # Grants is authoritative over a securable, and would take the deployer's own rights.
    assert whole.of("Grants") == []
    everything = {privilege for _, _, privileges in grants(whole) for privilege in privileges}
    assert everything == {"USE_CATALOG", "USE_SCHEMA", "SELECT", "MODIFY", "READ_VOLUME", "WRITE_VOLUME"}


def test_the_grants_that_a_run_needs_are_known_to_the_job() -> None:
    found: list[list[pulumi.Resource]] = []

    def program(opts: pulumi.ResourceOptions) -> None:
        found.append(Catalog("catalog", WHOLE, opts).granted)

    run = run_component(program)
    names = {grant._name for grant in found[0]}
    assert names == {grant.name for grant in run.of("Grant") if grant.inputs["principal"] == APPLICATION}


HOLDING_DATA = {
    "catalog-catalog",
    "catalog-schema",
    "catalog-landing",
    "catalog-state",
    "catalog-bronze",
    "catalog-silver",
    "catalog-quarantine",
    "catalog-feedback",
}


def test_a_protected_environment_protects_and_keeps_exactly_what_holds_data() -> None:
    run = declared(protect=True)
    assert {resource.name for resource in run.resources if resource.protect} == HOLDING_DATA
    assert {resource.name for resource in run.resources if resource.retain_on_delete} == HOLDING_DATA
    assert [resource.name for resource in run.resources if resource.inputs.get("forceDestroy")] == []


def test_in_an_unprotected_environment_everything_can_be_destroyed(whole: Run) -> None:
    assert [one.name for one in whole.resources if one.protect or one.retain_on_delete] == []
    # A schema in which the run left files or tables could not be removed otherwise.
    assert (whole.one("Catalog").inputs["forceDestroy"], whole.one("Schema").inputs["forceDestroy"]) == (True, True)


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_a_table_is_declared_as_the_pipeline_writes_it(whole: Run, table: Table) -> None:
    inputs = dict(whole.named(f"catalog-{table.name}").inputs)
    assert inputs.pop("columns") == [
        {"name": column.name, "type": column.type, "comment": column.comment} for column in table.columns
    ]
    assert inputs.pop("clusterKeys", []) == list(table.cluster_by)
    assert inputs.pop("properties") == dict(table.properties)
    assert inputs == {
        "catalogName": "lake_dev",
        "schemaName": "telegram",
        "name": table.name,
        "comment": table.comment,
        "tableType": "MANAGED",
        "dataSourceFormat": "DELTA",
        # Without a warehouse the provider would start a cluster to make the table.
        "warehouseId": "catalog-warehouse-id",
    }


def test_there_are_the_tables_of_the_pipeline_and_no_others(whole: Run) -> None:
    assert tables(whole) == {"bronze", "silver", "quarantine", "feedback"}
    # Table makes no Delta log.
    assert whole.of("Table") == []


def test_the_volumes_are_managed_and_their_paths_are_outputs(whole: Run) -> None:
    volumes = {volume.inputs["name"]: volume.inputs for volume in whole.of("Volume")}
    assert set(volumes) == {"landing", "state", "artifacts"}
    assert {(v["volumeType"], v["catalogName"], v["schemaName"]) for v in volumes.values()} == {
        ("MANAGED", "lake_dev", "telegram")
    }
    assert {name: whole.outputs[name] for name in volumes} == {
        name: f"/Volumes/lake_dev/telegram/{name}" for name in volumes
    }


def test_the_full_names_of_the_tables_are_outputs(whole: Run) -> None:
    assert [whole.outputs[table.name] for table in TABLES] == TABLE_NAMES


def test_the_warehouse_created_is_small_serverless_and_stops_by_itself(whole: Run) -> None:
    inputs = whole.one("SqlEndpoint").inputs
    assert inputs == {
        "name": "telegram-lakehouse-dev",
        "clusterSize": "2X-Small",
        "maxNumClusters": 1,
        "autoStopMins": 1,
        "enableServerlessCompute": True,
        "warehouseType": "PRO",
        "tags": {
            "customTags": [
                {"key": "environment", "value": "dev"},
                {"key": "product", "value": "telegram-lakehouse"},
            ]
        },
    }
    assert whole.one("Permissions").inputs == {
        "sqlEndpointId": "catalog-warehouse-id",
        "accessControls": [
            {"groupName": "operators", "permissionLevel": "CAN_USE"},
            {"groupName": "readers", "permissionLevel": "CAN_USE"},
        ],
    }


def test_a_given_warehouse_is_used_and_its_permissions_are_not_changed() -> None:
    run = declared(warehouse_id="w1")
    assert (run.of("SqlEndpoint"), run.of("Permissions")) == ([], [])
    assert {table.inputs["warehouseId"] for table in run.of("SqlTable")} == {"w1"}
    assert run.outputs["warehouse_id"] == "w1"


def test_an_existing_catalog_is_used_and_not_declared() -> None:
    run = declared(create_catalog=False, protect=True)
    assert run.of("Catalog") == []
    assert run.one("Schema").inputs["catalogName"] == "lake_dev"
    assert run.outputs["catalog"] == "lake_dev"
    assert {one.name for one in run.resources if one.protect} == HOLDING_DATA - {"catalog-catalog"}
    # A grant would replace what the groups hold on a catalog of others; the principal is new there.
    mine = {grant for grant in JOB | OPERATORS | READERS if grant[1] != "catalog lake_dev" or grant[0] == APPLICATION}
    assert grants(run) == mine
    given = declared(create_catalog=False, new_principal=False)
    assert [grant for grant in given.of("Grant") if "catalog" in grant.inputs] == []


def test_a_catalog_is_stored_where_the_settings_say(whole: Run) -> None:
    assert "storageRoot" not in whole.one("Catalog").inputs
    assert declared(catalog_storage="s3://bucket/lake").one("Catalog").inputs["storageRoot"] == "s3://bucket/lake"


def imports(run: Run) -> dict[str, str]:
    return {resource.name: resource.import_id for resource in run.resources if resource.import_id}


def test_tables_that_exist_are_imported_by_their_full_names() -> None:
    run = declared({"getTables": {"ids": [*TABLE_NAMES, "lake_dev.telegram.another"]}})
    assert imports(run) == {f"catalog-{table.name}": f"lake_dev.telegram.{table.name}" for table in TABLES}
    assert len(tables(run)) == 4


def test_a_missing_table_is_created_beside_one_that_is_imported() -> None:
    run = declared({"getTables": {"ids": ["lake_dev.telegram.silver", "lake_dev.telegram.bronze_old"]}})
    assert imports(run) == {"catalog-silver": "lake_dev.telegram.silver"}
    assert len(tables(run)) == 4


def test_a_table_is_recognised_whatever_the_case_of_its_name() -> None:
    run = declared({"getTables": {"ids": ["lake_dev.telegram.silver"]}}, catalog="Lake_Dev", create_catalog=False)
    assert imports(run) == {"catalog-silver": "Lake_Dev.telegram.silver"}


def test_the_tables_are_looked_up_in_their_own_workspace_and_schema(whole: Run) -> None:
    (call,) = [call for call in whole.calls if call.token.endswith(":getTables")]
    assert call.args == {"catalogName": "lake_dev", "schemaName": "telegram"}
    assert f"::{WORKSPACE}::" in call.provider


@pytest.mark.parametrize(
    "text",
    [
        "cannot read tables: Catalog 'lake_dev' does not exist.",
        "1 error occurred:\n\t* Schema 'lake_dev.telegram' does not exist",
        "CATALOG_DOES_NOT_EXIST",
        "SCHEMA_NOT_FOUND",
    ],
)
def test_all_tables_are_created_if_the_schema_does_not_exist_yet(text: str) -> None:
    run = declared({"getTables": RuntimeError(text)})
    assert imports(run) == {}
    assert len(tables(run)) == 4


@pytest.mark.parametrize(
    "text",
    [
        "cannot read tables: User does not have USE SCHEMA on Schema 'lake_dev.telegram'",
        "default auth: cannot configure default credentials",
        "request timed out after 1m0s of inactivity",
    ],
)
def test_a_lookup_that_fails_ends_the_program_before_a_table_is_declared(text: str) -> None:
    # A table that is there but could not be seen would be created again, and so emptied.
    run = Run()
    with pytest.raises(Exception, match=re.escape(text)):
        declared({"getTables": RuntimeError(text)}, run=run)
    assert [call.token.rsplit(":", 1)[-1] for call in run.calls] == ["getTables"]
    assert run.of("SqlTable") == []


def test_the_view_is_declared_over_the_tables_of_its_own_schema(whole: Run) -> None:
    inputs = dict(whole.named("catalog-answers").inputs)
    definition = inputs.pop("viewDefinition")
    assert definition == ANSWERS.select({name: f"`lake_dev`.`telegram`.`{name}`" for name in ("silver", "feedback")})
    # The provider would alter columns of a view as those of a table.
    assert inputs == {
        "catalogName": "lake_dev",
        "schemaName": "telegram",
        "name": "answers",
        "comment": ANSWERS.comment,
        "tableType": "VIEW",
        "warehouseId": "catalog-warehouse-id",
    }
    assert whole.outputs["answers"] == "lake_dev.telegram.answers"
    assert tables(whole, "VIEW") == {"answers"}


def test_the_view_is_made_after_its_tables_have_their_columns(whole: Run) -> None:
    needed = {urn.rsplit("::", 1)[-1] for urn in whole.named("catalog-answers").depends_on}
    assert {"catalog-silver", "catalog-feedback"} <= needed


def test_a_view_that_exists_is_imported_and_its_comment_is_no_reason_to_replace_it() -> None:
    found = {"getViews": {"ids": ["lake_dev.telegram.answers", "lake_dev.telegram.another"]}}
    run = declared(found)
    assert imports(run) == {"catalog-answers": "lake_dev.telegram.answers"}
    assert run.named("catalog-answers").ignored == ("comment",)


def test_a_view_that_is_replaced_is_deleted_first_since_the_new_one_has_its_name(whole: Run) -> None:
    assert {one.name for one in whole.resources if one.deleted_first} == {"catalog-answers"}


def test_a_view_that_does_not_exist_is_created(whole: Run) -> None:
    answers = whole.named("catalog-answers")
    assert (answers.import_id, answers.ignored) == ("", ())


def test_a_protected_environment_may_remove_the_view_which_holds_no_data() -> None:
    answers = declared(protect=True).named("catalog-answers")
    assert (answers.protect, answers.retain_on_delete) == (False, False)


def test_views_that_can_not_be_looked_up_end_the_program_before_a_table_is_declared() -> None:
    run = Run()
    with pytest.raises(Exception, match=r"the views of schema lake_dev\.telegram can't be looked up"):
        declared({"getViews": RuntimeError("cannot read views: User does not have USE SCHEMA")}, run=run)
    assert run.of("SqlTable") == []


def test_a_deployment_from_before_feedback_gets_the_table_the_view_and_silvers_new_columns() -> None:
    before = [f"lake_dev.telegram.{name}" for name in ("bronze", "silver", "quarantine")]
    columns = [column for column in as_declared() if column["position"] < 25]
    assert columns[-1]["name"] == "author_id"
    run = declared(
        {
            "getTables": {"ids": before},
            "getTable": lambda asked: {"tableInfo": {"columns": columns if asked["name"] == before[1] else []}},
        },
        protect=True,
    )
    assert imports(run) == {f"catalog-{name.rpartition('.')[2]}": name for name in before}
    silver = run.named("catalog-silver").inputs["columns"]
    assert [column["name"] for column in silver] == list(SILVER.column_names)
    assert run.log == []


def test_columns_are_added_before_comments_are_changed_and_the_operator_is_told() -> None:
    columns = [{**column, "comment": f"Once: {column['name']}"} for column in as_declared() if column["position"] < 25]
    run = declared(exists(columns))
    silver = run.named("catalog-silver").inputs["columns"]
    assert [column["comment"] for column in silver] == [
        *(column["comment"] for column in columns),
        *(column.comment for column in SILVER.columns[25:]),
    ]
    (line,) = run.log
    assert line.startswith(
        "info: table lake_dev.telegram.silver gets its new columns now, and new comments of bot_id, "
    )
    assert line.endswith(" with the next `up`")


def exists(columns: list[dict[str, Any]], table: str = "silver") -> dict[str, Any]:
    """The answers of a workspace in which one table exists, with these columns."""
    full_name = f"lake_dev.telegram.{table}"
    return {
        "getTables": {"ids": [full_name]},
        "getTable": lambda asked: {"tableInfo": {"columns": columns}} if asked["name"] == full_name else KeyError(),
    }


def as_declared(table: Table = SILVER) -> list[dict[str, Any]]:
    """A table's columns as Unity Catalog returns them."""
    return [
        {"name": c.name, "typeText": c.type, "comment": c.comment, "nullable": True, "position": position}
        for position, c in enumerate(table.columns)
    ]


LATER = {"name": "score", "typeText": "double", "comment": "Of a later version.", "nullable": True, "position": 99}


@pytest.mark.parametrize("preview", [True, False])
@pytest.mark.parametrize("protect", [True, False])
def test_a_column_that_the_table_has_beyond_this_version_stays_and_the_operator_is_told(
    protect: bool, preview: bool
) -> None:
    run = declared(exists([*as_declared(), LATER]), protect=protect, preview=preview)
    # Without it the provider would send DROP COLUMN.
    assert run.named("catalog-silver").inputs["columns"] == [
        *({"name": column.name, "type": column.type, "comment": column.comment} for column in SILVER.columns),
        {"name": "score", "type": "double", "comment": "Of a later version.", "nullable": True},
    ]
    assert run.log == [
        "info: table lake_dev.telegram.silver keeps score, which this version does not have: it writes null there"
    ]


def test_a_table_without_further_columns_is_declared_as_ever_and_nothing_is_said(whole: Run) -> None:
    run = declared(exists(as_declared()))
    assert run.named("catalog-silver").inputs["columns"] == whole.named("catalog-silver").inputs["columns"]
    assert run.log == []


def test_a_column_that_can_not_be_null_and_that_this_version_does_not_write_is_refused() -> None:
    run = Run()
    with pytest.raises(Exception, match="has the column score, NOT NULL") as refused:
        declared(exists([*as_declared(), {**LATER, "nullable": False}]), run=run)
    assert "ALTER TABLE lake_dev.telegram.silver ALTER COLUMN `score` DROP NOT NULL" in str(refused.value)
    assert run.of("SqlTable") == []


@pytest.mark.parametrize("create_catalog", [True, False])
def test_a_preview_before_anything_exists_declares_everything(create_catalog: bool) -> None:
    run = declared(preview=True, create_catalog=create_catalog)
    assert tables(run) == {"bronze", "silver", "quarantine", "feedback"}
    # On a catalog of others, the two groups get nothing.
    assert len(run.of("Grant")) == len(JOB | OPERATORS | READERS) - (0 if create_catalog else 2)


def test_no_table_is_looked_up_before_the_workspace_is_created() -> None:
    def program() -> None:
        made = databricks.Schema("stands-for-a-workspace", catalog_name="c")
        provider = databricks.Provider("later", host=made.id)
        Catalog("catalog", WHOLE, pulumi.ResourceOptions(providers=[provider]))

    run = run_program(program, preview=True)
    assert imports(run) == {}
    assert len(tables(run)) == 4


def test_everything_is_in_the_given_workspace(whole: Run) -> None:
    inside = [one for one in whole.resources if one.custom and one.package == "databricks"]
    assert len(inside) > 20
    assert {one.provider_name for one in inside} == {WORKSPACE}
