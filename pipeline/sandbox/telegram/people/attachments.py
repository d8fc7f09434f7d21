"""Files that people send with their messages."""

import base64
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from pipeline.sandbox.json_types import Json
from pipeline.sandbox.telegram.content.files import Files, UploadedFile
from pipeline.sandbox.telegram.content.made_up import made_up_file
from pipeline.sandbox.telegram.content.media import attached
from pipeline.sandbox.telegram.errors import MethodError


class Attachment(BaseModel):
    """A file that a person sends. What isn't given is made up: the content, or 0 for a number."""

    model_config = ConfigDict(extra="forbid")

    kind: Literal["photo", "document", "video", "animation", "audio", "voice", "video_note", "sticker"]
    content: bytes | None = Field(default=None, description="The file's bytes; in JSON as base64.")
    file_name: str = ""
    width: int = 0
    height: int = 0
    length: int = Field(default=0, description="Of a video note.")
    duration: int = Field(default=0, description="In seconds.")
    title: str | None = Field(default=None, description="Of an audio file.")
    performer: str | None = Field(default=None, description="Of an audio file.")
    emoji: str | None = Field(default=None, description="Of a sticker.")
    has_spoiler: bool = False

    @field_validator("content", mode="before")
    @classmethod
    def _decoded(cls, given: Any) -> Any:
        # Pydantic's own type for base64 skips what is none, and a test would send a broken file without knowing.
        return base64.b64decode("".join(given.split()), validate=True) if isinstance(given, str) else given


def attachment_fields(files: Files, given: Attachment) -> Json:
    """The fields of the person's message. ValueError when Telegram wouldn't take the file."""
    uploaded = made_up_file(given.kind, given.file_name)
    if given.content is not None:
        uploaded = UploadedFile(given.file_name, given.content)
    try:
        fields = attached(files, given.kind, uploaded, given.model_dump(exclude={"content"}))
    except MethodError as error:
        raise ValueError(error.description) from None
    return fields | ({"has_media_spoiler": True} if given.has_spoiler else {})
