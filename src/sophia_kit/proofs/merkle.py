"""The Merkle tree of RFC 6962, section 2.1 (the same in RFC 9162): hashes, roots and both kinds of proof.

`D[a:b]` below is the list of leaves from index a to b, b left out, as in the RFC. Hashes are 32 bytes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence

__all__ = [
    "EMPTY_ROOT",
    "MerkleTree",
    "Peaks",
    "fold_peaks",
    "leaf_hash",
    "node_hash",
    "verify_consistency",
    "verify_inclusion",
]

EMPTY_ROOT = hashlib.sha256(b"").digest()


def leaf_hash(data: bytes) -> bytes:
    """The hash of one entry: SHA-256(0x00 || data)."""
    return hashlib.sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash of two subtrees: SHA-256(0x01 || left || right)."""
    return hashlib.sha256(b"\x01" + left + right).digest()


class Peaks:
    """The roots of the perfect subtrees that hashes of equally high subtrees, added in order, split into.

    Attributes:
        count: how many hashes were added.
    """

    def __init__(self, hashes: Iterable[bytes] = ()) -> None:
        self.count = 0
        self._roots: list[bytes] = []
        for value in hashes:
            self.add(value)

    def add(self, value: bytes) -> None:
        """Take in the next hash."""
        # As when one is added to a binary number: each bit that carries joins two subtrees of the same width.
        carry = self.count
        while carry & 1:
            value = node_hash(self._roots.pop(), value)
            carry >>= 1
        self._roots.append(value)
        self.count += 1

    @property
    def roots(self) -> tuple[bytes, ...]:
        """Largest subtree first."""
        return tuple(self._roots)


def fold_peaks(peaks: Sequence[bytes]) -> bytes:
    """The root of a tree from its perfect subtrees, largest first."""
    if not peaks:
        return EMPTY_ROOT
    root = peaks[-1]
    for peak in reversed(peaks[:-1]):
        root = node_hash(peak, root)
    return root


class MerkleTree:
    """A tree that only grows. Roots and proofs of every size it has had cost O(log n).

    `leaf_hashes` are hashes as `leaf_hash` returns them, in order.
    """

    def __init__(self, leaf_hashes: Iterable[bytes] = ()) -> None:
        # _levels[k][i] is the hash of the perfect subtree D[i * 2**k : (i + 1) * 2**k].
        self._levels: list[list[bytes]] = [[]]
        for leaf in leaf_hashes:
            self.add(leaf)

    def __len__(self) -> int:
        return len(self._levels[0])

    def add(self, leaf: bytes) -> None:
        """Append an entry by its leaf hash."""
        level = 0
        self._levels[0].append(leaf)
        while len(self._levels[level]) % 2 == 0:
            left, right = self._levels[level][-2:]
            level += 1
            if level == len(self._levels):
                self._levels.append([])
            self._levels[level].append(node_hash(left, right))

    def leaf(self, index: int) -> bytes:
        """The leaf hash at `index`."""
        return self._levels[0][index]

    def root(self, size: int | None = None) -> bytes:
        """MTH(D[0:size]); `size` defaults to all.

        Raises:
            ValueError: the tree has never been of that size.
        """
        return self._subtree(0, self._checked(size))

    def inclusion_proof(self, index: int, size: int | None = None) -> tuple[bytes, ...]:
        """PATH(index, D[0:size]) of RFC 6962, section 2.1.1, from the leaf upwards.

        Raises:
            ValueError: there is no such entry or size.
        """
        total = self._checked(size)
        if not 0 <= index < total:
            raise ValueError(f"no entry {index} in a tree of {total}")
        proof: list[bytes] = []
        start, end = 0, total
        while end - start > 1:
            middle = start + _split(end - start)
            if index < middle:
                proof.append(self._subtree(middle, end))
                end = middle
            else:
                proof.append(self._subtree(start, middle))
                start = middle
        return tuple(reversed(proof))

    def consistency_proof(self, old: int, size: int | None = None) -> tuple[bytes, ...]:
        """PROOF(old, D[0:size]) of RFC 6962, section 2.1.2: that the first `old` entries are still the same.

        Empty where nothing needs proving: `old` is 0 or `size`.

        Raises:
            ValueError: `old` is larger than `size`, or there is no such size.
        """
        total = self._checked(size)
        if not 0 <= old <= total:
            raise ValueError(f"a tree of {total} can't extend one of {old}")
        if old in (0, total):
            return ()
        proof: list[bytes] = []
        start, end = 0, total
        while old != end:
            middle = start + _split(end - start)
            if old <= middle:
                proof.append(self._subtree(middle, end))
                end = middle
            else:
                proof.append(self._subtree(start, middle))
                start = middle
        if start > 0:
            proof.append(self._subtree(start, end))
        return tuple(reversed(proof))

    def _checked(self, size: int | None) -> int:
        total = len(self) if size is None else size
        if not 0 <= total <= len(self):
            raise ValueError(f"a tree of {len(self)} has no root of size {total}")
        return total

    def _subtree(self, start: int, end: int) -> bytes:
        # Every split of the RFC starts a subtree at a multiple of a power of two not below its width,
        # so the perfect subtrees of D[start:end] are stored.
        peaks: list[bytes] = []
        while start < end:
            height = (end - start).bit_length() - 1
            peaks.append(self._levels[height][start >> height])
            start += 1 << height
        return fold_peaks(peaks)


def verify_inclusion(leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> bool:
    """Whether `proof` shows that `leaf` is entry `index` of the tree of `size` entries with `root`.

    RFC 9162, section 2.1.3.2.
    """
    if not 0 <= index < size:
        return False
    position, last, found = index, size - 1, leaf
    for sibling in proof:
        if last == 0:
            return False
        if position & 1 or position == last:
            found = node_hash(sibling, found)
            while not position & 1 and position:
                position >>= 1
                last >>= 1
        else:
            found = node_hash(found, sibling)
        position >>= 1
        last >>= 1
    return last == 0 and found == root


def verify_consistency(old: int, old_root: bytes, size: int, root: bytes, proof: Sequence[bytes]) -> bool:
    """Whether `proof` shows that the tree of `size` entries with `root` begins with the `old` one.

    RFC 9162, section 2.1.4.2; a tree extends the empty one and itself without proof.
    """
    if not 0 <= old <= size:
        return False
    if old == size:
        return not proof and old_root == root
    if old == 0:
        return not proof and old_root == EMPTY_ROOT
    path = list(proof)
    if old & (old - 1) == 0:
        path.insert(0, old_root)
    if not path:
        return False
    position, last = old - 1, size - 1
    while position & 1:
        position >>= 1
        last >>= 1
    found_old = found = path[0]
    for sibling in path[1:]:
        if last == 0:
            return False
        if position & 1 or position == last:
            found_old = node_hash(sibling, found_old)
            found = node_hash(sibling, found)
            while not position & 1 and position:
                position >>= 1
                last >>= 1
        else:
            found = node_hash(found, sibling)
        position >>= 1
        last >>= 1
    return last == 0 and found_old == old_root and found == root


def _split(width: int) -> int:
    """The largest power of two smaller than `width`."""
    return 1 << ((width - 1).bit_length() - 1)
