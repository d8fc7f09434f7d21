"""`pipeline watch`: serves the live page of a run on this machine until it is interrupted."""

from __future__ import annotations

import threading
from pathlib import Path

from pipeline.errors import OperatorError
from pipeline.storage.places import Storage
from pipeline.terminal import say
from pipeline.view.local import LocalView
from pipeline.watch.served import watching


def watch_storage(storage: Storage, *, port: int, log: Path | None = None, chat: str | None = None) -> None:
    """Serve the page until Ctrl-C. Raises OperatorError where there is no such storage, or the port is taken."""
    LocalView(storage)
    try:
        with watching(storage, port, log=log, chat=chat) as served:
            say(f"The pipeline in {storage.root}: {served.url}/  (Ctrl-C stops this page, not the run)")
            threading.Event().wait()
    except KeyboardInterrupt:
        return
    except OSError as error:
        raise OperatorError(
            f"--port {port} can't be used ({error.strerror}): give another, or 0 for a free one"
        ) from None
