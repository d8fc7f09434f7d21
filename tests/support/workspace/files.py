"""Files in volumes: https://docs.databricks.com/api/workspace/files. Folders exist as soon as they have a file."""

from __future__ import annotations

import time
from dataclasses import dataclass
from email.utils import formatdate

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tests.support.workspace.errors import ApiError, denied, missing


@dataclass
class File:
    content: bytes
    modified_at: float
    """Seconds since 1970."""


class Files:
    """The volumes of a workspace."""

    def __init__(self) -> None:
        self.files: dict[str, File] = {}
        self.closed: set[str] = set()
        """Volumes that callers may read but not write to."""

    def give(self, path: str, content: bytes, age: float = 0.0) -> None:
        self.files[path] = File(content, time.time() - age)

    def within(self, folder: str) -> list[str]:
        """Paths of all files in a folder and below."""
        return sorted(path for path in self.files if path.startswith(f"{folder}/"))

    def routes(self) -> list[Route]:
        return [
            Route("/api/2.0/fs/files{path:path}", self._file, methods=["GET", "PUT", "DELETE"]),
            Route("/api/2.0/fs/directories{path:path}", self._folder, methods=["GET", "PUT"]),
        ]

    async def _file(self, request: Request) -> Response:
        path = request.path_params["path"]
        if request.method == "PUT":
            return self._put(path, await request.body(), request.query_params.get("overwrite") == "true")
        file = self.files.get(path)
        if file is None:
            raise missing(f"The file {path} does not exist")
        if request.method == "DELETE":
            self._check_writable(path)
            del self.files[path]
            return Response(status_code=204)
        headers = {"last-modified": formatdate(file.modified_at, usegmt=True)}
        body = b"" if request.method == "HEAD" else file.content
        return Response(body, media_type="application/octet-stream", headers=headers)

    def _put(self, path: str, content: bytes, overwrite: bool) -> Response:
        self._check_writable(path)
        if path in self.files and not overwrite:
            raise ApiError(409, "ALREADY_EXISTS", f"The file {path} already exists")
        self.give(path, content)
        return Response(status_code=204)

    def _check_writable(self, path: str) -> None:
        if any(path.startswith(f"{volume}/") for volume in self.closed):
            raise denied(f"the caller has no WRITE VOLUME for {path}")

    async def _folder(self, request: Request) -> Response:
        folder = request.path_params["path"].rstrip("/")
        if request.method == "PUT":
            self._check_writable(f"{folder}/")
            return Response(status_code=204)
        entries: dict[str, dict[str, object]] = {}
        for path in self.within(folder):
            name, below, _ = path.removeprefix(f"{folder}/").partition("/")
            entry: dict[str, object] = {"path": f"{folder}/{name}", "name": name, "is_directory": bool(below)}
            if not below:
                file = self.files[path]
                entry |= {"file_size": len(file.content), "last_modified": int(file.modified_at * 1000)}
            entries[name] = entry
        # Pages of two, so that a client must ask for further ones.
        listed, start = list(entries.values()), int(request.query_params.get("page_token", "0"))
        page: dict[str, object] = {"contents": listed[start : start + 2]}
        if start + 2 < len(listed):
            page["next_page_token"] = str(start + 2)
        return JSONResponse(page)
