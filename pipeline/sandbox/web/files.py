"""Downloads: https://core.telegram.org/bots/api#getfile, and the same files for the page."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from pipeline.sandbox.server import EscapedJson
from pipeline.sandbox.telegram.content.files import StoredFile
from pipeline.sandbox.telegram.errors import MethodError
from pipeline.sandbox.telegram.simulator import Telegram
from pipeline.sandbox.web.bot_methods import error_response

_PICTURES = {
    b"\x89PNG": "image/png",
    b"\xff\xd8\xff": "image/jpeg",
    b"GIF8": "image/gif",
    b"RIFF": "image/webp",
    b"BM": "image/bmp",
}


class Downloads:
    """The bot's downloads at /file/bot<token>/<path>, and any file by its file_id at /sandbox/files/<file_id>."""

    def __init__(self, telegram: Telegram) -> None:
        self._telegram = telegram
        self.routes = [
            Route("/file/bot{token}/{path:path}", self._download, methods=["GET"]),
            Route("/sandbox/files/{file_id}", self._show, methods=["GET"]),
        ]

    async def _download(self, request: Request) -> Response:
        try:
            self._telegram.authorize(request.path_params["token"])
        except MethodError as error:
            return error_response(error)
        stored = self._telegram.file_at(request.path_params["path"])
        if stored is None:
            return error_response(MethodError(404, "Not Found"))
        return Response(stored.content, media_type="application/octet-stream")

    async def _show(self, request: Request) -> Response:
        stored = self._telegram.file(request.path_params["file_id"])
        if stored is None:
            return EscapedJson({"detail": "there is no file with this file_id"}, status_code=404)
        media_type = shown_as(stored)
        # A file is anybody's, and the page's address is trusted: nothing in a file may run there.
        headers = {"X-Content-Type-Options": "nosniff", "Content-Security-Policy": "sandbox; default-src 'none'"}
        if media_type is None:
            headers["Content-Disposition"] = "attachment"
        return Response(stored.content, media_type=media_type or "application/octet-stream", headers=headers)


def shown_as(stored: StoredFile) -> str | None:
    """The media type of a file that a browser can show or play; None for one that it can only keep."""
    for beginning, media_type in _PICTURES.items():
        if stored.content.startswith(beginning):
            return media_type
    media_type = str(stored.attributes.get("mime_type", ""))
    return media_type if media_type.startswith(("audio/", "video/")) else None
