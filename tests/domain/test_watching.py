from penstock.domain.trees import Tree, child, children, text
from penstock.domain.watching import WatchedTree

TREE: Tree = {"a": "1", "b": {"c": "2", "d": "3"}, "e": [{"f": "4", "g": "5"}, "h"]}


def test_watched_tree_reads_like_the_tree() -> None:
    """Names, order and values are those of the tree, at every depth."""
    watched = WatchedTree(TREE)

    assert list(watched) == ["a", "b", "e"]
    assert len(watched) == 3
    assert text(watched, "a") == "1"
    assert text(child(watched, "b"), "d") == "3"
    assert [text(one, "f") for one in children(watched, "e")] == ["4"]


def test_watched_tree_names_what_nobody_asked_for() -> None:
    """A name is known once it was asked for; of an unknown tree only the root is named."""
    watched = WatchedTree(TREE)

    before = list(watched.unknown_names())
    text(child(watched, "b"), "c")
    next(children(watched, "e")).get("f")

    assert before == [("a",), ("b",), ("e",)]
    assert list(watched.unknown_names()) == [("a",), ("b", "d"), ("e", "g")]


def test_watched_tree_is_not_asked_by_looking_at_its_names() -> None:
    """Going over the names, or asking whether there are any, asks for none of them."""
    watched = WatchedTree(TREE)

    assert [*watched]
    assert bool(watched)

    assert len(list(watched.unknown_names())) == 3
