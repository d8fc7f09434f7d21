"""How a method of the Bot API fails."""

from pipeline.sandbox.json_types import Json


class MethodError(Exception):
    """An unsuccessful answer of the Bot API: `error_code`, `description` and, for some, ResponseParameters.

    https://core.telegram.org/bots/api#making-requests
    """

    def __init__(self, error_code: int, description: str, parameters: Json | None = None) -> None:
        super().__init__(description)
        self.error_code = error_code
        self.description = description
        self.parameters = parameters


def bad_request(reason: str, parameters: Json | None = None) -> MethodError:
    """Status 400, in the server's form."""
    return MethodError(400, f"Bad Request: {reason}", parameters)
