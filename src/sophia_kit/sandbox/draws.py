"""Randomness that is the same everywhere: a counter-based hash instead of a stateful generator.

A draw depends on (seed, table, column, row) and nothing else, so rows can be made in any order, in part, and
on any machine or Python. The mixing function is SplitMix64 (Steele, Lea, Flood: Fast Splittable Pseudorandom
Number Generators, OOPSLA 2014). Only integer arithmetic is used: floating point and the distributions of a
library may change between versions.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

__all__ = ["Draws", "Ints"]

Ints = NDArray[np.int64]

_GAMMA = 0x9E3779B97F4A7C15
_MASK = (1 << 64) - 1
_FNV_OFFSET, _FNV_PRIME = 0xCBF29CE484222325, 0x100000001B3


def _mix(value: int) -> int:
    value = ((value ^ (value >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    value = ((value ^ (value >> 27)) * 0x94D049BB133111EB) & _MASK
    return value ^ (value >> 31)


def _fnv1a(text: str) -> int:
    value = _FNV_OFFSET
    for byte in text.encode():
        value = ((value ^ byte) * _FNV_PRIME) & _MASK
    return value


class Draws:
    """Draws of one table. `row` is any integer that names the row for good.

    Methods named in the singular draw one value, those ending in `s` an array for an array of rows.
    """

    def __init__(self, seed: int, table: str) -> None:
        self._seed = seed & _MASK
        self._table = table
        self._keys: dict[str, int] = {}

    def _key(self, column: str) -> int:
        key = self._keys[column] = _mix((self._seed + _fnv1a(f"{self._table}.{column}")) & _MASK)
        return key

    def below(self, column: str, row: int, bound: int) -> int:
        """An integer in [0, bound); bound at most 2**32."""
        # `_mix` written out: half a million single draws are made.
        bits = ((self._keys.get(column) or self._key(column)) + (row + 1) * _GAMMA) & _MASK
        bits = ((bits ^ (bits >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
        bits = ((bits ^ (bits >> 27)) * 0x94D049BB133111EB) & _MASK
        return (((bits ^ (bits >> 31)) >> 32) * bound) >> 32

    def between(self, column: str, row: int, low: int, high: int) -> int:
        """An integer in [low, high]."""
        return low + self.below(column, row, high - low + 1)

    def chance(self, column: str, row: int, per_mille: int) -> bool:
        return self.below(column, row, 1000) < per_mille

    def pick(self, column: str, row: int, weights: Sequence[int]) -> int:
        """An index into `weights`, in proportion to them."""
        left = self.below(column, row, sum(weights))
        for index, weight in enumerate(weights):
            left -= weight
            if left < 0:
                return index
        raise ValueError("weights must be positive")

    def choice(self, column: str, row: int, options: Sequence[str]) -> str:
        return options[self.below(column, row, len(options))]

    def belows(self, column: str, rows: Ints, bound: int | Ints) -> Ints:
        """Integers in [0, bound), int64; bound at most 2**31."""
        with np.errstate(over="ignore"):
            bits = rows.astype(np.uint64) + np.uint64(1)
            bits *= np.uint64(_GAMMA)
            bits += np.uint64(self._key(column))
            bits ^= bits >> np.uint64(30)
            bits *= np.uint64(0xBF58476D1CE4E5B9)
            bits ^= bits >> np.uint64(27)
            bits *= np.uint64(0x94D049BB133111EB)
            bits ^= bits >> np.uint64(31)
            bits >>= np.uint64(32)
            bits *= np.asarray(bound, dtype=np.uint64)
            bits >>= np.uint64(32)
        return bits.astype(np.int64)

    def picks(self, column: str, rows: Ints, weights: Sequence[int]) -> Ints:
        """Indices into `weights`, in proportion to them."""
        edges = np.cumsum(np.asarray(weights, dtype=np.int64))
        return np.searchsorted(edges, self.belows(column, rows, int(edges[-1])), side="right").astype(np.int64)
