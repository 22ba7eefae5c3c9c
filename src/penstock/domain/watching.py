"""A tree that remembers which of its names were asked for, to find those that nobody knows."""

from collections.abc import Iterator, Mapping, ValuesView

from penstock.domain.trees import Tree, Value


class WatchedTree(Mapping[str, Value]):
    """Behaves as the tree it is made of; nested trees are watched as well."""

    def __init__(self, tree: Tree) -> None:
        self._asked: set[str] = set()
        self._values: dict[str, Value] = {name: _watched(value) for name, value in tree.items()}

    def __getitem__(self, name: str) -> Value:
        """The value of a name, which counts as asked for."""
        self._asked.add(name)
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        """The names; asks for none."""
        return iter(self._values)

    def values(self) -> ValuesView[Value]:
        """The values; asks for none."""
        return self._values.values()

    def __len__(self) -> int:
        """How many names."""
        return len(self._values)

    def unknown_names(self, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
        """Paths of the names that were never asked for, outermost ones only."""
        for name, value in self._values.items():
            here = (*path, name)
            if name not in self._asked:
                yield here
                continue
            for entry in value if isinstance(value, list) else [value]:
                if isinstance(entry, WatchedTree):
                    yield from entry.unknown_names(here)


def _watched(value: Value) -> Value:
    if isinstance(value, Mapping):
        return WatchedTree(value)
    if isinstance(value, list):
        return [WatchedTree(one) if isinstance(one, Mapping) else one for one in value]
    return value
