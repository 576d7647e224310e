"""The Merkle tree of RFC 6962, grown leaf by leaf while only its right edge is kept."""

import hashlib
from collections.abc import Iterator, Sequence
from itertools import islice

EMPTY = hashlib.sha256(b"").digest()
"""The root of a tree without leaves."""


def leaf(body: bytes) -> bytes:
    """The hash of a leaf: SHA-256(0x00 || body)."""
    return hashlib.sha256(b"\0" + body).digest()


def node(left: bytes, right: bytes) -> bytes:
    """The hash of two subtrees: SHA-256(0x01 || left || right)."""
    return hashlib.sha256(b"\1" + left + right).digest()


class Tree:
    """A tree of `size` leaves, known by its edge: the roots of the full subtrees it is made of, the largest first."""

    __slots__ = ("edge", "size")

    def __init__(self, size: int = 0, edge: Sequence[bytes] = ()) -> None:
        if len(edge) != size.bit_count():
            raise ValueError(f"a tree of {size} leaves has {size.bit_count()} full subtrees, not {len(edge)}")
        self.size = size
        self.edge = list(edge)

    def push(self, hash_: bytes) -> None:
        """Add a leaf by its hash."""
        size, edge = self.size, self.edge
        while size & 1:
            hash_ = node(edge.pop(), hash_)
            size >>= 1
        edge.append(hash_)
        self.size += 1

    @property
    def root(self) -> bytes:
        """The hash of the whole tree."""
        if not self.edge:
            return EMPTY
        *rest, root = self.edge
        for left in reversed(rest):
            root = node(left, root)
        return root


def path(index: int, size: int, leaves: Iterator[bytes]) -> list[bytes]:
    """The siblings on the way from the leaf at `index` (from 0) up to the root of the first `size` leaves.

    `leaves` gives their hashes in order and is read once; a `ValueError` if there are fewer, or no such index.
    """
    if not 0 <= index < size:
        raise ValueError(f"there is no leaf {index} among {size}")
    if size == 1:
        _root(1, leaves)
        return []
    half = 1 << (size - 1).bit_length() - 1
    if index < half:
        inner = path(index, half, leaves)
        return [*inner, _root(size - half, leaves)]
    left = _root(half, leaves)
    return [*path(index - half, size - half, leaves), left]


def _root(size: int, leaves: Iterator[bytes]) -> bytes:
    tree = Tree()
    for each in islice(leaves, size):
        tree.push(each)
    if tree.size != size:
        raise ValueError(f"{size - tree.size} leaves are missing")
    return tree.root


def rooted(leaf_hash: bytes, index: int, size: int, siblings: Sequence[bytes]) -> bytes:
    """The root that a leaf and its path lead to (RFC 9162, 2.1.3.2); a `ValueError` if the path has another length."""
    if not 0 <= index < size:
        raise ValueError(f"there is no leaf {index} among {size}")
    root, last = leaf_hash, size - 1
    for sibling in siblings:
        if last == 0:
            raise ValueError("the path is too long")
        if index & 1 or index == last:
            root = node(sibling, root)
            while not index & 1 and index:
                index, last = index >> 1, last >> 1
        else:
            root = node(root, sibling)
        index, last = index >> 1, last >> 1
    if last:
        raise ValueError("the path is too short")
    return root
