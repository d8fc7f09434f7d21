"""A method's parameters, in any of the four ways of https://core.telegram.org/bots/api#making-requests."""

import json
from email.parser import BytesParser
from email.policy import HTTP
from urllib.parse import parse_qsl

from starlette.requests import Request

from pipeline.sandbox.json_types import Json
from pipeline.sandbox.telegram.errors import bad_request


async def read_parameters(request: Request) -> Json:
    """Parameters of the query string and of the body, which wins. MethodError 400 for a body that isn't valid JSON."""
    parameters: Json = dict(parse_qsl(request.url.query, keep_blank_values=True))
    body = await request.body()
    if not body:
        return parameters
    content_type = request.headers.get("content-type", "").lower()
    if content_type.startswith("application/json"):
        return parameters | _json_object(body)
    if content_type.startswith("application/x-www-form-urlencoded"):
        return parameters | dict(
            parse_qsl(body.decode("utf-8", "surrogateescape"), keep_blank_values=True, errors="surrogateescape")
        )
    if content_type.startswith("multipart/form-data"):
        return parameters | _multipart(request.headers["content-type"], body)
    return parameters


def _json_object(body: bytes) -> Json:
    try:
        given = json.loads(body)
    except ValueError:
        raise bad_request("can't parse JSON object") from None
    if not isinstance(given, dict):
        raise bad_request("expected an Object as the request's body")
    return given


def _multipart(content_type: str, body: bytes) -> Json:
    parsed = BytesParser(policy=HTTP).parsebytes(b"Content-Type: " + content_type.encode() + b"\r\n\r\n" + body)
    fields: Json = {}
    for part in parsed.iter_parts():
        name = part.get_param("name", header="content-disposition")
        content = part.get_payload(decode=True)
        if name and isinstance(content, bytes):
            fields[str(name)] = content.decode("utf-8", "surrogateescape")
    return fields
