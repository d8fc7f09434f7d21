"""The kinds of values that a stack's settings have: each a type that checks a value and brings it into one form."""

from __future__ import annotations

import re
from functools import partial
from typing import Annotated

from pydantic import AfterValidator, AnyHttpUrl, BeforeValidator, TypeAdapter, ValidationError

from pipeline.platform.address import check_address
from pipeline.settings import MODEL_ADDS, TELEGRAM_ADDS, check_line

_ENVIRONMENT = re.compile(r"^[a-z][a-z0-9-]{0,19}$")
_HOST = re.compile(r"^(https://[\w.-]+(:\d+)?|http://(127\.0\.0\.1|localhost)(:\d+)?)$")
_URL = re.compile(r"^https?://[^\s@]+$")
_SQL_NAME = re.compile(r"^[A-Za-z0-9_][A-Za-z0-9_-]*$")
_FOLDER = re.compile(r"^/Workspace/[^/].*$")
_EMAIL = re.compile(r"^[^@\s,]+@[^@\s,]+$")
_CHAT = re.compile(r"-?[1-9]\d{0,18}", re.ASCII)
_TAG = re.compile(r"^[\w .:/+-]{1,127}$")
_QUARTZ_FIELDS = (6, 7)
_HTTP_URL: TypeAdapter[AnyHttpUrl] = TypeAdapter(AnyHttpUrl)


def _matching(pattern: re.Pattern[str], value: str, fix: str) -> str:
    if not pattern.fullmatch(value):
        raise ValueError(fix)
    return value


def _environment(value: str) -> str:
    return _matching(_ENVIRONMENT, value, "name the stack with up to 20 lower-case letters, digits and dashes")


def _host(value: str) -> str:
    value = value.rstrip("/")
    return value and _matching(_HOST, value, "give the address alone, as https://dbc-1234.cloud.databricks.com")


def _url(value: str, leave_out: str) -> str:
    value = value.rstrip("/")
    fix = "give an address that begins with https://, without credentials"
    if value:
        _matching(_URL, value, fix)
        check_address(value, leave_out=leave_out)  # as the run will
        try:
            _HTTP_URL.validate_python(value)
        except ValidationError:
            raise ValueError(fix) from None
    return value


def _sql_name(value: str) -> str:
    # Unity Catalog keeps names in lower case. If the id of a table in the state differed from its name here, each `up`
    # would import the table again, and then drop it as the one that was replaced.
    return value and _matching(_SQL_NAME, value, "give a name of letters, digits, dashes and underscores").lower()


def _folder(value: str) -> str:
    value = value.rstrip("/")
    return value and _matching(_FOLDER, value, "give a path that begins with /Workspace/")


def _schedule(value: str) -> str:
    if len(value.split()) not in _QUARTZ_FIELDS:
        raise ValueError("give a Quartz cron expression of six fields, as 0 0/15 * * * ?")
    return value


def _chat(value: str) -> str:
    return value and _matching(_CHAT, value, "give a chat's id, a number other than 0")


def _emails(value: tuple[str, ...]) -> tuple[str, ...]:
    for address in value:
        _matching(_EMAIL, address, "give addresses with commas between them")
    return value


def _tags(value: str) -> str:
    for pair in filter(None, value.split(",")):
        key, equals, tag = pair.partition("=")
        if not (equals and _TAG.match(key.strip()) and _TAG.match(tag.strip())):
            raise ValueError("give key=value pairs with commas between them")
    return value


def _split(value: object) -> object:
    return tuple(piece for piece in re.split(r"[,\s]+", value) if piece) if isinstance(value, str) else value


def _number(value: object) -> object:
    return int(value) if isinstance(value, str) and value.isdecimal() else value


Environment = Annotated[str, AfterValidator(_environment)]
"""Part of names of resources: up to 20 lower-case letters, digits and dashes."""

Host = Annotated[str, AfterValidator(_host)]
"""Address of a workspace or an account, without a path and without a slash at its end. May be empty."""

ModelUrl = Annotated[str, AfterValidator(partial(_url, leave_out=MODEL_ADDS))]
TelegramUrl = Annotated[str, AfterValidator(partial(_url, leave_out=TELEGRAM_ADDS))]
"""HTTP address without credentials and without a slash at its end. May be empty."""

Line = Annotated[str, AfterValidator(check_line)]
"""One line of text, without blanks around it. May be empty."""

SqlName = Annotated[str, AfterValidator(_sql_name)]
"""Name of a catalog or schema, in lower case. May be empty."""

Folder = Annotated[str, AfterValidator(_folder)]
"""Path in the workspace, without a slash at its end. May be empty."""

Schedule = Annotated[str, AfterValidator(_schedule)]
"""Quartz cron expression."""

Chat = Annotated[str, AfterValidator(_chat)]
"""A chat's id. May be empty."""

Tags = Annotated[str, AfterValidator(_tags)]
"""Pairs of key=value, separated by commas."""

Names = Annotated[tuple[str, ...], BeforeValidator(_split)]
"""Names, separated by commas or white space."""

Emails = Annotated[tuple[str, ...], BeforeValidator(_split), AfterValidator(_emails)]
"""Email addresses, separated by commas or white space."""

Chats = Annotated[tuple[int, ...], BeforeValidator(_split)]
"""Ids of chats, separated by commas or white space."""

FromText = BeforeValidator(_number)
"""For choices between numbers: a number may be given as text, as a stack's configuration holds it."""
