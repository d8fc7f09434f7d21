"""What a `destroy` of a protected stack leaves behind, and how to come back to it or to give it up."""

from __future__ import annotations

from infra.settings import StackSettings
from pipeline.tables import TABLES


def kept_objects(settings: StackSettings) -> list[str]:
    """What stays in the workspace and in the stack, each with its name.

    What is protected stays, and so does what it needs: the tables are made by the warehouse.
    """
    schema = f"{settings.catalog_name}.{settings.schema_to_create}"
    objects = [] if settings.catalog else [f"the catalog {settings.catalog_name}"]
    objects += [
        f"the schema {schema}",
        f"the tables {', '.join(table.name for table in TABLES)}",
        "the volumes landing and state",
        f"the secret scope {settings.name}",
    ]
    if not settings.warehouse_id:
        objects.append(f"the SQL warehouse {settings.name}, since the tables need it")
    if settings.workspace == "create":
        objects.append("the workspace")
    return objects


def what_stays(stack: str, settings: StackSettings) -> str:
    """Before a destroy: what will stay, and how to give it up."""
    return (
        f"Stack {stack} protects what holds data (protect is true). These stay: {'; '.join(kept_objects(settings))}.\n"
        f"To give them up as well: `pulumi state unprotect --all --stack {stack}`, then `make destroy STACK={stack}` "
        "again.\nThat deletes the warehouse and removes the others from the stack, but does not delete them: delete "
        "them where they are."
    )


def what_was_kept(stack: str, settings: StackSettings) -> str:
    """After a destroy: what is there still, and how to come back."""
    return f"Kept: {'; '.join(kept_objects(settings))}.\n`make up STACK={stack}` creates the rest again around them."
