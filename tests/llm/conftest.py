"""Upstreams of the gateway's tests, on loopback."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from llmock.testing import LLMockServer
from tests.llm.upstream import Upstream, running


@pytest.fixture(scope="module")
def _upstream() -> Iterator[Upstream]:
    with running() as found:
        yield found


@pytest.fixture
def upstream(_upstream: Upstream) -> Upstream:
    """A model server made of bytes."""
    _upstream.forget()
    return _upstream


@pytest.fixture(scope="module")
def _mocked() -> Iterator[LLMockServer]:
    with LLMockServer() as server:
        yield server


@pytest.fixture
def mocked(_mocked: LLMockServer) -> LLMockServer:
    """A server of `llmock`, with nothing planned and nothing remembered."""
    _mocked.state.scenarios.clear()
    _mocked.state.journal.clear()
    return _mocked
