"""Types of the JSON that the Bot API and OpenAI's API exchange."""

from collections.abc import Mapping
from typing import Any

Json = dict[str, Any]
"""A JSON object."""

Parameters = Mapping[str, Any]
"""A method's parameters as they arrive: a number or an object may be a string that holds it as JSON."""
