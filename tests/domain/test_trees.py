import pytest

from penstock.domain.trees import Tree, Value, child, children, text, texts

INNER: Tree = {"x": "1"}
OTHER: Tree = {"x": "2"}


@pytest.mark.parametrize(
    ("value", "expected"),
    [("a", "a"), ("  a ", "a"), ("", ""), (INNER, ""), ([], ""), (["b", "c"], "b"), ([INNER], "")],
)
def test_text_is_the_first_leaf(value: Value, expected: str) -> None:
    """A leaf is stripped, of repeated ones the first counts, and a tree is no text."""
    assert text({"name": value}, "name") == expected


def test_text_of_an_absent_name_is_empty() -> None:
    """What is not there reads as empty."""
    assert text({}, "name") == ""


@pytest.mark.parametrize(
    ("value", "expected"),
    [(INNER, INNER), ("a", {}), ("", {}), ([], {}), ([INNER, OTHER], INNER), (["a"], {})],
)
def test_child_is_the_first_tree(value: Value, expected: Tree) -> None:
    """Of repeated trees the first counts, and a leaf is an empty tree."""
    assert child({"name": value}, "name") == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (INNER, [INNER]),
        ([INNER, "a", OTHER], [INNER, OTHER]),
        ("a", []),
        ([], []),
    ],
)
def test_children_are_every_tree_of_a_name(value: Value, expected: list[Tree]) -> None:
    """A single tree and repeated ones read alike; leaves are left out."""
    assert list(children({"name": value}, "name")) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [("a", ["a"]), ([" a", "", INNER, "b "], ["a", "b"]), (" ", []), (INNER, [])],
)
def test_texts_are_every_leaf_of_a_name(value: Value, expected: list[str]) -> None:
    """A single leaf and repeated ones read alike; empty ones and trees are left out."""
    assert list(texts({"name": value}, "name")) == expected
