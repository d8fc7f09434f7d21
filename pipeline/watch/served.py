"""The live page, served while a block runs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pipeline.sandbox.server import Served, serve
from pipeline.storage.places import Storage
from pipeline.watch.fault_panel import FaultPanel
from pipeline.watch.hub import Hub
from pipeline.watch.reader import Reader, reading
from pipeline.watch.web import create_app


@contextmanager
def watching(
    storage: Storage,
    port: int = 0,
    *,
    chat: str | None = None,
    log: Path | None = None,
    faults: FaultPanel | None = None,
) -> Iterator[Served]:
    """Serve the live page of a storage on loopback; port 0 takes a free one. The storage may be empty yet.

    `chat`: the address of the sandbox's chat page, to show it beside the pipeline. `log`: the run's log, by default
    pipeline.log in the storage. `faults`: what a person may cause; they end with the block, before what surrounds it.
    OSError when the port is taken.
    """
    hub = Hub()
    if faults is not None:
        faults.attach(hub)
    with reading(Reader(storage, hub, log)), serve(create_app(hub, chat, faults), port=port) as served:
        try:
            yield served
        finally:
            if faults is not None:
                faults.end()
