"""The pages' sections about the control API: each path with its fields and a call that a reader can copy."""

from __future__ import annotations

import json
import shlex
from typing import Any

from pipeline.sandbox.web.control import api
from pipeline.sandbox.web.control.table import ControlCall, all_calls
from pipeline.sandbox.web.faults import KINDS

__all__ = ["api", "example_of", "fault_rows", "sections"]
"""The module with the routes is imported for what its modules put into the table."""

ADDRESS = "http://127.0.0.1:8081"

_IN_PATHS = {"chat_id": "1", "message_id": "1"}
_TYPES = {"integer": "number", "number": "number", "string": "text", "boolean": "yes or no", "array": "list"}
_MADE_UP: dict[str, Any] = {"integer": 1, "number": 1, "string": "text", "boolean": True, "array": [], "object": {}}


def sections() -> str:
    """A section for each entry of the table, in the order of their paths."""
    return "\n\n".join(_section(call) for call in sorted(all_calls(), key=lambda call: (call.path, call.verb)))


def fault_rows() -> list[tuple[str, str]]:
    """Each kind of fault with what it does."""
    return [(f"`{kind}`", meaning) for kind, meaning in KINDS.items()]


def example_of(call: ControlCall) -> str:
    """A shell command that carries out an entry."""
    path = call.path.format(**_IN_PATHS)
    words = ["curl", "-s", f"{ADDRESS}/sandbox/{path}"]
    if call.body is not None:
        body = call.example if call.example is not None else _made_up(call)
        words += ["-H", "Content-Type: application/json", "-d", json.dumps(body)]
    elif call.verb != "GET":
        words[1:1] = ["-X", call.verb]
    return shlex.join(words)


def _section(call: ControlCall) -> str:
    lines = [f"### `{call.verb} /sandbox/{call.path}`", "", call.rule]
    fields = _fields(call)
    if fields:
        lines += ["", "| Field | Type | Default | Meaning |", "|---|---|---|---|", *fields]
    return "\n".join([*lines, "", "```sh", example_of(call), "```"])


def _fields(call: ControlCall) -> list[str]:
    if call.model is None:
        return []
    schema = call.model.model_json_schema()
    required = schema.get("required", [])
    rows = []
    for name, field in schema.get("properties", {}).items():
        default = "needed" if name in required else _shown(field.get("default"))
        meaning = str(field.get("description", "")).replace("|", "\\|")
        rows.append(f"| `{name}` | {_type(field, schema)} | {default} | {meaning} |")
    return rows


def _type(field: dict[str, Any], schema: dict[str, Any]) -> str:
    if "$ref" in field:
        field = schema["$defs"][field["$ref"].rpartition("/")[2]]
    if "enum" in field:
        return ", ".join(f"`{value}`" for value in field["enum"])
    if "const" in field:
        return f"`{field['const']}`"
    if "anyOf" in field:
        kinds = [_type(each, schema) for each in field["anyOf"] if each.get("type") != "null"]
        return " or ".join(dict.fromkeys(kinds))
    return _TYPES.get(field.get("type", ""), "object" if field.get("type") == "object" else "any")


def _shown(default: object) -> str:
    return "" if default in (None, {}, []) else f"`{json.dumps(default)}`"


def _made_up(call: ControlCall) -> dict[str, Any]:
    schema = call.model.model_json_schema() if call.model else {}
    fields = schema.get("properties", {})
    return {name: _made_up_value(fields[name]) for name in schema.get("required", [])}


def _made_up_value(field: dict[str, Any]) -> Any:
    if "enum" in field:
        return field["enum"][0]
    if "anyOf" in field:
        return _made_up_value(field["anyOf"][0])
    return _MADE_UP.get(field.get("type", ""), 1)
