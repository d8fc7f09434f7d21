"""A method's parameters, in any of the four ways of https://core.telegram.org/bots/api#making-requests."""

from email.message import Message
from email.parser import HeaderParser
from email.policy import HTTP
from urllib.parse import parse_qsl

from starlette.requests import Request

from pipeline.sandbox.json_types import Json, read_json
from pipeline.sandbox.telegram.content.files import UploadedFile
from pipeline.sandbox.telegram.errors import bad_request


async def read_parameters(request: Request) -> Json:
    """Parameters of the query string and of the body, which wins. MethodError 400 for a body that can't be read.

    A file of a multipart body is an `UploadedFile`, under the name of its part.
    """
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
        given = read_json(body)
    except ValueError:
        raise bad_request("can't parse JSON object") from None
    if not isinstance(given, dict):
        raise bad_request("expected an Object as the request's body")
    return given


def _multipart(content_type: str, body: bytes) -> Json:
    boundary = _headers(f"Content-Type: {content_type}").get_param("boundary")
    if not isinstance(boundary, str) or not boundary:
        raise bad_request("boundary not found")
    # Split as bytes, and not by the mail parser, which takes a file that is itself a mail apart.
    parts = (b"\r\n" + body).split(b"\r\n--" + boundary.encode())
    fields: Json = {}
    for part in parts[1:]:
        if part.startswith(b"--"):
            break
        head, _, content = part.partition(b"\r\n\r\n")
        headers = _headers(head.decode("utf-8", "surrogateescape").lstrip())
        name = headers.get_param("name", header="content-disposition")
        file_name = headers.get_filename()
        if isinstance(name, str):
            fields[name] = (
                content.decode("utf-8", "surrogateescape")
                if file_name is None
                else UploadedFile(file_name.replace("\\", "/").rpartition("/")[2], content)
            )
    return fields


def _headers(text: str) -> Message:
    return HeaderParser(policy=HTTP).parsestr(text)
