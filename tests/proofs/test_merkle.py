"""The Merkle maths against published vectors and against the RFC's recursive definition."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sophia_kit.proofs.merkle import (
    EMPTY_ROOT,
    MerkleTree,
    Peaks,
    fold_peaks,
    leaf_hash,
    node_hash,
    verify_consistency,
    verify_inclusion,
)

# The test inputs and roots of the Certificate Transparency reference implementation
# (github.com/google/certificate-transparency, merkletree tests; the same in transparency-dev/merkle).
CT_LEAVES = [
    bytes.fromhex(text)
    for text in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]
CT_ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
CT_INCLUSION = [
    (0, 1, []),
    (
        0,
        8,
        [
            "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
        ],
    ),
    (
        5,
        8,
        [
            "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
            "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        ],
    ),
    (2, 3, ["fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"]),
    (
        1,
        5,
        [
            "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        ],
    ),
]
CT_CONSISTENCY = [
    (1, 1, []),
    (
        1,
        8,
        [
            "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
        ],
    ),
    (
        6,
        8,
        [
            "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
            "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        ],
    ),
    (
        2,
        5,
        [
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        ],
    ),
]


def ct_tree() -> MerkleTree:
    return MerkleTree(leaf_hash(leaf) for leaf in CT_LEAVES)


def hexes(proof: tuple[bytes, ...]) -> list[str]:
    return [part.hex() for part in proof]


# The definitions of RFC 6962, section 2.1, word by word.


def split(n: int) -> int:
    k = 1
    while k * 2 < n:
        k *= 2
    return k


def mth(leaves: list[bytes]) -> bytes:
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return hashlib.sha256(b"\x00" + leaves[0]).digest()
    k = split(len(leaves))
    return hashlib.sha256(b"\x01" + mth(leaves[:k]) + mth(leaves[k:])).digest()


def path(m: int, leaves: list[bytes]) -> list[bytes]:
    if len(leaves) == 1:
        return []
    k = split(len(leaves))
    if m < k:
        return [*path(m, leaves[:k]), mth(leaves[k:])]
    return [*path(m - k, leaves[k:]), mth(leaves[:k])]


def subproof(m: int, leaves: list[bytes], complete: bool) -> list[bytes]:
    n = len(leaves)
    if m == n:
        return [] if complete else [mth(leaves)]
    k = split(n)
    if m <= k:
        return [*subproof(m, leaves[:k], complete), mth(leaves[k:])]
    return [*subproof(m - k, leaves[k:], False), mth(leaves[:k])]


leaves_of = st.lists(st.binary(max_size=8), min_size=1, max_size=70)


class TestPublishedVectors:
    def test_the_empty_tree_is_the_hash_of_nothing(self) -> None:
        assert EMPTY_ROOT.hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        assert MerkleTree().root() == EMPTY_ROOT

    @pytest.mark.parametrize("size", range(1, 9))
    def test_roots(self, size: int) -> None:
        assert ct_tree().root(size).hex() == CT_ROOTS[size - 1]

    @pytest.mark.parametrize(("index", "size", "proof"), CT_INCLUSION)
    def test_inclusion(self, index: int, size: int, proof: list[str]) -> None:
        tree = ct_tree()
        assert hexes(tree.inclusion_proof(index, size)) == proof
        assert verify_inclusion(
            leaf_hash(CT_LEAVES[index]), index, size, [bytes.fromhex(p) for p in proof], tree.root(size)
        )

    @pytest.mark.parametrize(("old", "size", "proof"), CT_CONSISTENCY)
    def test_consistency(self, old: int, size: int, proof: list[str]) -> None:
        tree = ct_tree()
        assert hexes(tree.consistency_proof(old, size)) == proof
        assert verify_consistency(old, tree.root(old), size, tree.root(size), [bytes.fromhex(p) for p in proof])

    def test_the_example_of_rfc_6962_section_2_1_3(self) -> None:
        """Seven leaves d0..d6 and the inner nodes the RFC names a..l."""
        d = [bytes([i]) for i in range(7)]
        a, b, c, dd, e, f, j = (leaf_hash(x) for x in d)
        g, h, i = node_hash(a, b), node_hash(c, dd), node_hash(e, f)
        k, m = node_hash(g, h), node_hash(i, j)
        tree = MerkleTree(leaf_hash(x) for x in d)
        assert tree.root() == node_hash(k, m)
        assert tree.inclusion_proof(0) == (b, h, m)
        assert tree.inclusion_proof(3) == (c, g, m)
        assert tree.inclusion_proof(4) == (f, j, k)
        assert tree.inclusion_proof(6) == (i, k)
        assert tree.consistency_proof(3) == (c, dd, g, m)
        assert tree.consistency_proof(4) == (m,)
        assert tree.consistency_proof(6) == (i, j, k)


class TestAgainstTheDefinition:
    @settings(deadline=None)
    @given(leaves_of)
    def test_roots_of_every_size(self, leaves: list[bytes]) -> None:
        tree = MerkleTree(leaf_hash(leaf) for leaf in leaves)
        for size in range(len(leaves) + 1):
            assert tree.root(size) == mth(leaves[:size])

    @settings(deadline=None)
    @given(leaves_of, st.data())
    def test_inclusion(self, leaves: list[bytes], data: st.DataObject) -> None:
        tree = MerkleTree(leaf_hash(leaf) for leaf in leaves)
        size = data.draw(st.integers(1, len(leaves)))
        index = data.draw(st.integers(0, size - 1))
        proof = tree.inclusion_proof(index, size)
        assert list(proof) == path(index, leaves[:size])
        assert verify_inclusion(leaf_hash(leaves[index]), index, size, proof, tree.root(size))

    @settings(deadline=None)
    @given(leaves_of, st.data())
    def test_consistency(self, leaves: list[bytes], data: st.DataObject) -> None:
        tree = MerkleTree(leaf_hash(leaf) for leaf in leaves)
        size = data.draw(st.integers(1, len(leaves)))
        old = data.draw(st.integers(1, size))
        proof = tree.consistency_proof(old, size)
        assert list(proof) == subproof(old, leaves[:size], complete=True)
        assert verify_consistency(old, tree.root(old), size, tree.root(size), proof)

    @settings(deadline=None)
    @given(st.lists(st.binary(max_size=4), max_size=300))
    def test_peaks_fold_to_the_root(self, leaves: list[bytes]) -> None:
        assert fold_peaks(Peaks(leaf_hash(leaf) for leaf in leaves).roots) == mth(leaves)


class TestFalseProofsFail:
    @settings(deadline=None)
    @given(st.lists(st.binary(max_size=8), min_size=2, max_size=40, unique=True), st.data())
    def test_inclusion_of_another_entry_position_size_or_root(self, leaves: list[bytes], data: st.DataObject) -> None:
        tree = MerkleTree(leaf_hash(leaf) for leaf in leaves)
        size = len(leaves)
        index = data.draw(st.integers(0, size - 1))
        other = data.draw(st.integers(0, size - 1).filter(lambda n: n != index))
        leaf, proof, root = tree.leaf(index), tree.inclusion_proof(index), tree.root()
        assert not verify_inclusion(tree.leaf(other), index, size, proof, root)
        assert not verify_inclusion(leaf, other, size, proof, root)
        assert not verify_inclusion(leaf, index, size, proof, EMPTY_ROOT)
        assert not verify_inclusion(leaf, index, size, (*proof, root), root)
        assert not verify_inclusion(leaf, index, size, proof[:-1], root)
        assert not verify_inclusion(leaf, size, size, proof, root)

    @settings(deadline=None)
    @given(st.lists(st.binary(max_size=8), min_size=2, max_size=40), st.data())
    def test_consistency_with_another_past(self, leaves: list[bytes], data: st.DataObject) -> None:
        tree = MerkleTree(leaf_hash(leaf) for leaf in leaves)
        size = len(leaves)
        old = data.draw(st.integers(1, size - 1))
        changed = data.draw(st.integers(0, old - 1))
        rewritten = [leaf + b"!" if i == changed else leaf for i, leaf in enumerate(leaves)]
        forged = MerkleTree(leaf_hash(leaf) for leaf in rewritten)
        assert not verify_consistency(old, tree.root(old), size, forged.root(), forged.consistency_proof(old, size))
        proof = tree.consistency_proof(old)
        assert not verify_consistency(old, tree.root(old), size, tree.root(), (*proof, EMPTY_ROOT))
        assert not verify_consistency(old, tree.root(old), size, tree.root(), proof[:-1])
        assert not verify_consistency(size + 1, tree.root(), size, tree.root(), ())

    def test_the_trivial_cases(self) -> None:
        tree = ct_tree()
        assert verify_consistency(0, EMPTY_ROOT, 8, tree.root(), ())
        assert not verify_consistency(0, tree.root(), 8, tree.root(), ())
        assert verify_consistency(8, tree.root(), 8, tree.root(), ())
        assert not verify_consistency(8, tree.root(7), 8, tree.root(), ())
        assert tree.consistency_proof(0) == tree.consistency_proof(8) == ()

    def test_asking_beyond_the_tree(self) -> None:
        tree = ct_tree()
        with pytest.raises(ValueError, match="size 9"):
            tree.root(9)
        with pytest.raises(ValueError, match="no entry 8"):
            tree.inclusion_proof(8)
        with pytest.raises(ValueError, match="can't extend"):
            tree.consistency_proof(5, 4)
