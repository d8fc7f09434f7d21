"""The mark on the catalog and the schema that a deployment makes: by it, the deployment knows them again.

After a lost state, or after a `destroy` that kept them, `up` adopts what carries its own mark. What carries another
mark, or none, may be somebody else's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeVar

CATALOG_COMMENT = "An AI assistant on Telegram, as tables."
SCHEMA_COMMENT = "Questions, answers and deliveries of the Telegram assistant."
"""With the one above, what identifies the catalogs and schemas that versions without the mark have made."""

_DEPLOYED_BY = "deployed_by"
_SCOPE = "secret_scope"

T = TypeVar("T")


@dataclass(frozen=True)
class Securable:
    """A catalog or a schema as Unity Catalog has it."""

    full_name: str
    comment: str = ""
    properties: Mapping[str, str] = field(default_factory=dict)
    storage: str = ""
    """Its own storage root; empty: it has none, or it is not known."""

    @property
    def scope(self) -> str:
        """The secret scope that was made before it; empty: unknown."""
        return self.properties.get(_SCOPE, "")


def mark_of_catalog(deployment: str) -> dict[str, str]:
    """The properties that mark a catalog. `deployment` is project/stack."""
    return {_DEPLOYED_BY: deployment}


def mark_of_schema(deployment: str, scope: T) -> dict[str, str | T]:
    """The properties that mark a schema, and name the secret scope, which is made before it."""
    return {_DEPLOYED_BY: deployment, _SCOPE: scope}


def is_of(deployment: str, found: Securable, comment: str) -> bool:
    """Whether it carries the deployment's mark, or none and the `comment` of versions without the mark."""
    mark = found.properties.get(_DEPLOYED_BY)
    return mark == deployment or (mark is None and found.comment == comment)


def whose(found: Securable) -> str:
    """What is known of whose it is."""
    mark = found.properties.get(_DEPLOYED_BY)
    return f"is marked as deployed by {mark}" if mark else "carries no mark of this product"
