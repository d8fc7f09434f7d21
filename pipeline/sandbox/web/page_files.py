"""The files of a page, served as they are, under a policy that lets nothing from elsewhere in."""

from collections.abc import Iterable
from importlib.resources.abc import Traversable
from pathlib import PurePosixPath

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

_CONTENT_TYPES = {
    ".css": "text/css",
    ".html": "text/html",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
}

NOBODY = "'none'"
OWN_MACHINE = "http://127.0.0.1:* http://localhost:*"
"""The pages of programs on this machine."""


def policy(*, frames: str = NOBODY, framed_by: str = NOBODY) -> str:
    """The Content-Security-Policy: nothing from elsewhere, nothing inline, and no text that becomes markup or a script.

    `frames`: the pages that it may show; `framed_by`: those that may show it.
    """
    return "; ".join(
        [
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            "img-src 'self'",
            "media-src 'self'",
            "connect-src 'self'",
            f"frame-src {frames}",
            "base-uri 'none'",
            "form-action 'none'",
            f"frame-ancestors {framed_by}",
            "require-trusted-types-for 'script'",
            "trusted-types 'none'",
        ]
    )


class PageFiles:
    """A folder's files of known types: `index.html` at /, all of them below `prefix`."""

    def __init__(
        self,
        folder: Traversable,
        *,
        prefix: str = "/page/",
        only: Iterable[str] | None = None,
        frames: str = NOBODY,
        framed_by: str = NOBODY,
    ) -> None:
        """`only`: the paths of the files to serve, and no page at /. By default all."""
        found = _files_in(folder)
        self._prefix = prefix
        self._files = found if only is None else {name: found[name] for name in only}
        self._headers = {
            "Content-Security-Policy": policy(frames=frames, framed_by=framed_by),
            "X-Content-Type-Options": "nosniff",
            "Referrer-Policy": "no-referrer",
            "Cross-Origin-Opener-Policy": "same-origin",
            "Cache-Control": "no-cache",
        }
        paths = [f"{prefix}{name}" for name in self._files] + (["/"] if only is None else [])
        self.routes = [Route(path, self._file, methods=["GET"]) for path in paths]

    async def _file(self, request: Request) -> Response:
        name = request.url.path.removeprefix(self._prefix).lstrip("/") or "index.html"
        media_type = _CONTENT_TYPES[PurePosixPath(name).suffix]
        # Read each time: whoever changes the page sees it after a reload.
        return Response(self._files[name].read_bytes(), media_type=media_type, headers=self._headers)


def _files_in(folder: Traversable, prefix: str = "") -> dict[str, Traversable]:
    """The files of the page by their paths, those of a known content type."""
    found: dict[str, Traversable] = {}
    for entry in folder.iterdir():
        if entry.is_dir():
            found |= _files_in(entry, f"{prefix}{entry.name}/")
        elif PurePosixPath(entry.name).suffix in _CONTENT_TYPES:
            found[prefix + entry.name] = entry
    return found
