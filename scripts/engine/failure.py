"""Why the engine failed: the one line that matters, chosen from its log of events.

The engine shows every diagnostic, and a Python traceback of its program among them. Which one is the cause is decided
here, on plain values.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from pipeline.redaction import scrub

QUERY_HISTORY = "the query history of the stack's SQL warehouse shows the statement and why it failed"

_COLOUR = re.compile(r"<\{%.*?%\}>")
_PROVIDER = re.compile(r"^\S+\.go:\d+: (sdk\.\w+: )?|: provider=\S+@\S+$")
"""Where in the provider's own code an error was raised, and the provider's version."""
_RAISED = re.compile(r"^(Exception|(pipeline|infra)\.[\w.]+): ")
"""What Python puts before an error's text, where it says nothing to an operator."""
_COUNT = re.compile(r"^\d+ errors? occurred:\s*\*\s*")
_STATEMENT = re.compile(r"statement failed to execute", re.IGNORECASE)
_FOLLOWS = re.compile(r"^(update|preview|destroy) failed$|^Resource monitor has terminated", re.IGNORECASE)
"""What the engine and its program say because of another error."""
_STACK = "pulumi:pulumi:Stack"
_MOST = 500


@dataclass(frozen=True)
class _Fault:
    """One error of the engine's run; `about` is the resource's kind and name, empty for the program itself."""

    about: str
    text: str


def cause(events: Iterable[str]) -> str:
    """The line that matters among the engine's events, each a line of JSON; empty if they tell none.

    An error of a resource or a policy comes first, since the program fails because of it; then the program's own error.
    """
    faults = list(dict.fromkeys(_faults(events)))
    chosen = [fault for fault in faults if fault.about] or faults
    if not chosen:
        return ""
    first, others = chosen[0], len({fault.about for fault in chosen} - {chosen[0].about})
    line = f"{first.about}: {first.text}" if first.about else first.text
    if _STATEMENT.search(first.text):
        line += f": {QUERY_HISTORY}"
    return line + (f" (and {others} more: see above)" if others else "")


def _faults(events: Iterable[str]) -> Iterator[_Fault]:
    for event in events:
        try:
            told = json.loads(event)
            if (said := told.get("diagnosticEvent")) and said.get("severity") == "error":
                about, text = _resource(said.get("urn") or ""), _last(said["message"])
            elif (said := told.get("policyEvent")) and said.get("enforcementLevel") == "mandatory":
                about, text = (
                    _resource(said.get("resourceUrn") or ""),
                    f"{said['policyName']}: {_plain(said['message'])}",
                )
            else:
                continue
        except (ValueError, KeyError, AttributeError, TypeError):
            continue  # a line that was cut short, or a form that this does not know
        if text and not _FOLLOWS.match(text):
            yield _Fault(about, text)


def _resource(urn: str) -> str:
    """The name and kind of a resource, from its address; empty for the stack, which stands for the program."""
    kind, _, name = urn.split("::", 2)[-1].rpartition("::")
    kind = kind.rpartition("$")[2]
    return "" if not name or kind == _STACK else f"{name} ({kind.rpartition(':')[2]})"


def _last(message: str) -> str:
    """A diagnostic in one line. Of a traceback, the error that it ends with."""
    lines = [line for line in _COLOUR.sub("", message).splitlines() if line.strip()]
    begin = next((number for number, line in enumerate(lines) if line.startswith("Traceback (most recent")), None)
    if begin is not None:
        # The lines of a traceback are indented; the last one that is not begins the error, which may have more lines.
        ends = [number for number, line in enumerate(lines) if number > begin and not line[0].isspace()]
        lines = lines[ends[-1] :] if ends else lines[-1:]
    return _plain(" ".join(lines))


def _plain(text: str) -> str:
    line = _COUNT.sub("", " ".join(_COLOUR.sub("", text).split()).removeprefix("error:").strip())
    return scrub(_RAISED.sub("", _PROVIDER.sub("", line)))[:_MOST]
