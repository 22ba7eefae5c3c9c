"""Reads typed params out of a tree of text and collects every fault before it complains."""

from collections.abc import Iterable, Mapping
from decimal import Decimal, InvalidOperation

from penstock.domain.errors import InvalidArgumentError
from penstock.domain.trees import Tree, child, children, text
from penstock.operations.requirements import Requirement, missing_sentence


class ParamReader:
    """Typed, bounded access to one block of params.

    Every method returns its default for an absent or empty leaf and notes a fault for a wrong
    one, so that `finish` can name all of them at once.
    """

    def __init__(self, tree: Tree, path: str = "", *, faults: list[str] | None = None) -> None:
        self.tree = tree
        self._path = path
        self._faults: list[str] = [] if faults is None else faults

    def block(self, name: str) -> "ParamReader":
        """A reader of a nested block that reports into this one."""
        return ParamReader(child(self.tree, name), self._name(name), faults=self._faults)

    def blocks(self, name: str) -> "list[ParamReader]":
        """Readers of every block under a name that may be repeated; faults count from 0."""
        return [
            ParamReader(tree, f"{self._name(name)}[{number}]", faults=self._faults)
            for number, tree in enumerate(children(self.tree, name))
        ]

    def has(self, name: str) -> bool:
        """Whether a child is there, even an empty one."""
        return name in self.tree

    def fault(self, name: str, expectation: str) -> None:
        """Note that a leaf is not what is expected of it."""
        self._faults.append(f"{self._name(name)} must be {expectation}")

    def require(self, name: str, requirement: Requirement) -> None:
        """Complain about the value of a leaf whose part of the operation lacks something."""
        if not requirement.is_met():
            value = text(self.tree, name)
            self._faults.append(f"{self._name(name)} {value!r} {missing_sentence(requirement)}")

    def take(self, faults: Iterable[str]) -> None:
        """Note faults that somebody else found in the same tree."""
        self._faults += faults

    def is_given(self, name: str) -> bool:
        """Whether a child holds anything at all; empty blocks and leaves count as absent."""
        value = self.tree.get(name, "")
        if isinstance(value, list):
            return any(bool(entry) for entry in value)
        return bool(value.strip()) if isinstance(value, str) else not is_empty(value)

    def refuse(self, names: Iterable[str]) -> None:
        """Complain about children that this build does not offer, so far as they are given."""
        for name in names:
            if self.is_given(name):
                self.fault(name, "absent: this build does not offer it")

    def refuse_encryption(self, name: str) -> None:
        """Complain about a block of encryption that is switched on."""
        block = self.block(name)
        for switch in ("IsHlsEncrypt", "IsEncrypt"):
            if block.flag(switch):
                block.fault(switch, "false: this build does not offer encryption")

    def text(self, name: str, default: str = "") -> str:
        """A leaf as it stands."""
        return text(self.tree, name) or default

    def required_text(self, name: str) -> str:
        """A leaf that must not be empty."""
        value = text(self.tree, name)
        if not value:
            self.fault(name, "given")
        return value

    def choice(self, name: str, choices: Iterable[str], default: str = "") -> str:
        """One of the words given, compared without case; returned as spelt in `choices`."""
        value = text(self.tree, name)
        if not value:
            return default
        by_lower = {word.lower(): word for word in choices}
        if value.lower() not in by_lower:
            self.fault(name, f"one of {', '.join(by_lower.values())}, not {value!r}")
            return default
        return by_lower[value.lower()]

    def flag(self, name: str, *, default: bool = False) -> bool:
        """`true` or `false`, in any case."""
        return self.choice(name, ("true", "false"), str(default).lower()) == "true"

    def integer(self, name: str, low: int, high: int, *, even: bool = False) -> int | None:
        """A whole number within bounds, both inclusive; None when absent."""
        value = text(self.tree, name)
        if not value:
            return None
        number = self._number(value)
        if number is None or number != number.to_integral_value() or not low <= number <= high:
            self.fault(name, f"a whole number from {low} to {high}, not {value!r}")
            return None
        if even and number % 2:
            self.fault(name, f"even, not {value!r}")
            return None
        return int(number)

    def decimal(
        self, name: str, low: float, high: float, *, above_low: bool = False
    ) -> float | None:
        """A number within bounds (`above_low` leaves the lower bound out); None when absent."""
        value = text(self.tree, name)
        if not value:
            return None
        number = self._number(value)
        if number is None or not low <= number <= high or (above_low and number == low):
            bound = "above" if above_low else "from"
            self.fault(name, f"a number {bound} {low:g} to {high:g}, not {value!r}")
            return None
        return float(number)

    def finish(self) -> None:
        """Complain once about everything found.

        Raises:
            InvalidArgumentError: At least one leaf was wrong.
        """
        if self._faults:
            raise InvalidArgumentError(*self._faults)

    def _name(self, name: str) -> str:
        return f"{self._path}.{name}" if self._path else name

    @staticmethod
    def _number(value: str) -> Decimal | None:
        try:
            number = Decimal(value)
        except InvalidOperation:
            return None
        return number if number.is_finite() else None


def is_empty(tree: Mapping[str, object]) -> bool:
    """Whether a block holds nothing at all."""
    return not any(tree.values())
