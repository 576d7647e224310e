"""The tree: the published vectors, and that edge, root and paths agree for every size."""

import hashlib

import pytest

from state.merkle import EMPTY, Tree, leaf, node, path, rooted

LEAVES = [
    bytes.fromhex(each)
    for each in (
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
ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
"""The tree of the Certificate Transparency tests, by size."""


def hashes(size: int) -> list[bytes]:
    return [hashlib.sha256(str(n).encode()).digest() for n in range(size)]


def whole(leaves: list[bytes]) -> bytes:
    """The root as RFC 6962, 2.1 defines it."""
    if len(leaves) <= 1:
        return leaves[0] if leaves else EMPTY
    half = 1
    while half * 2 < len(leaves):
        half *= 2
    return node(whole(leaves[:half]), whole(leaves[half:]))


def test_the_published_roots_are_reached() -> None:
    tree = Tree()
    assert tree.root.hex() == ROOTS[0]
    for size, body in enumerate(LEAVES, 1):
        tree.push(leaf(body))
        assert (tree.size, tree.root.hex()) == (size, ROOTS[size])


def test_a_tree_goes_on_from_its_edge() -> None:
    leaves = hashes(70)
    for size in range(len(leaves)):
        first = Tree()
        for each in leaves[:size]:
            first.push(each)
        again = Tree(first.size, first.edge)
        for each in leaves[size:]:
            again.push(each)
        assert again.root == whole(leaves)


def test_an_edge_of_another_size_is_refused() -> None:
    with pytest.raises(ValueError, match="a tree of 5 leaves has 2 full subtrees, not 1"):
        Tree(5, [EMPTY])


def test_every_leaf_of_every_size_has_a_path_to_the_root() -> None:
    for size in range(1, 40):
        leaves = hashes(size)
        for index in range(size):
            siblings = path(index, size, iter(leaves))
            assert rooted(leaves[index], index, size, siblings) == whole(leaves)


def test_the_published_path_is_made() -> None:
    leaves = [leaf(each) for each in LEAVES]
    found = [each.hex() for each in path(5, 8, iter(leaves))]
    assert found == [
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ]


def test_a_path_of_another_leaf_place_or_length_leads_elsewhere() -> None:
    leaves = hashes(13)
    siblings, root = path(6, 13, iter(leaves)), whole(leaves)
    assert rooted(leaves[7], 6, 13, siblings) != root
    for index in (*range(6), *range(7, 13)):
        try:
            assert rooted(leaves[6], index, 13, siblings) != root
        except ValueError:
            continue
    for wrong in (siblings[:-1], [*siblings, EMPTY]):
        with pytest.raises(ValueError, match="the path is too"):
            rooted(leaves[6], 6, 13, wrong)
    with pytest.raises(ValueError, match="no leaf 13 among 13"):
        rooted(leaves[6], 13, 13, siblings)


def test_a_path_is_not_made_from_too_few_leaves() -> None:
    with pytest.raises(ValueError, match="leaves are missing"):
        path(0, 9, iter(hashes(7)))
    with pytest.raises(ValueError, match="no leaf 9 among 9"):
        path(9, 9, iter(hashes(9)))
