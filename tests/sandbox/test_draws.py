"""Draws depend on seed, table, column and row alone, and on no library's generator."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sophia_kit.sandbox.draws import Draws, _mix

_GAMMA = 0x9E3779B97F4A7C15


def test_the_mixing_function_is_splitmix64() -> None:
    state, found = 1234567, []
    for _ in range(3):
        state = (state + _GAMMA) % 2**64
        found.append(_mix(state))
    # First outputs of the reference implementation (Vigna, splitmix64.c) for the seed 1234567.
    assert found == [6457827717110365317, 3203168211198807973, 9817491932198370423]


@given(st.integers(0, 2**63), st.lists(st.integers(0, 2**40), min_size=1, max_size=50), st.integers(1, 2**31))
def test_a_draw_is_the_same_alone_and_in_an_array(seed: int, rows: list[int], bound: int) -> None:
    draws = Draws(seed, "table")
    together = draws.belows("column", np.array(rows, dtype=np.int64), bound)
    assert together.tolist() == [draws.below("column", row, bound) for row in rows]
    assert all(0 <= value < bound for value in together.tolist())


@pytest.mark.parametrize("other", [Draws(2, "table"), Draws(1, "other")])
def test_seed_and_table_matter(other: Draws) -> None:
    rows = np.arange(100, dtype=np.int64)
    assert Draws(1, "table").belows("c", rows, 1000).tolist() != other.belows("c", rows, 1000).tolist()


def test_picks_follow_their_weights() -> None:
    draws = Draws(7, "table")
    rows = np.arange(100_000, dtype=np.int64)
    together = draws.picks("c", rows, (70, 20, 10))
    counts = Counter(together.tolist())
    assert [round(counts[i] / 1000) for i in range(3)] == [70, 20, 10]
    assert together[:200].tolist() == [draws.pick("c", row, (70, 20, 10)) for row in range(200)]
