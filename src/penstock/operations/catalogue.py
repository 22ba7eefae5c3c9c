"""Every operation that this installation knows: built in or plugged in, available or not.

A plug-in is an entry point of the group `penstock.operations` that loads an `Operation`. Whatever
is wrong with one is a line in the catalogue, never a fault of the process.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from penstock.operations.base import Family, Operation
from penstock.operations.requirements import Requirement, missing_sentence

GROUP = "penstock.operations"
_TAG = re.compile(r"[A-Za-z_][\w.\-]{0,63}", re.ASCII)
# What stands in a node's `Operation` or in a job beside the params, and the nodes of every graph.
_RESERVED = frozenset(
    "Start End Tag Output Input TemplateId UserData JobLevel JobParam QueueId QueueType".split()
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """One operation of this installation.

    Attributes:
        tag: Its node type; the name of the entry point where that could not be loaded.
        operation: The operation; None where a plug-in could not be loaded.
        package: The package that brought it.
        version: The version of that package; empty where unknown.
        fault: Why it is not available, one line; empty where it is.
        command: What would make it available; empty where no command is known.
    """

    tag: str
    operation: Operation[Any] | None
    package: str
    version: str = ""
    fault: str = ""
    command: str = ""

    @property
    def missing_parts(self) -> list[tuple[str, Requirement]]:
        """Parts that are not available, by words for each, with what they lack."""
        parts = {} if self.operation is None else self.operation.optional
        return [(part, lacked) for part, lacked in parts.items() if not lacked.is_met()]


class Catalogue:
    """The operations by tag; what is available does not change while a process runs."""

    def __init__(self, builtin: Sequence[Operation[Any]], plugged: Iterable[Offer]) -> None:
        """Take what there is.

        Args:
            builtin: The operations of this build, in order.
            plugged: What the plug-ins offer.
        """
        own = [Offer(tag=one.tag, operation=one, package="penstock") for one in builtin]
        taken = {offer.tag for offer in own}
        others = list(_without_clashes(plugged, taken))
        self.offers: tuple[Offer, ...] = tuple(map(_examined, [*own, *others]))
        self._by_tag = {offer.tag: offer for offer in reversed(self.offers)}  # built-in ones win

    @property
    def available(self) -> list[Operation[Any]]:
        """What nodes can be, in order."""
        return [
            offer.operation
            for offer in self.offers
            if offer.operation is not None and not offer.fault
        ]

    def find(self, tag: str) -> Operation[Any] | None:
        """The operation that serves a node type; None where it is unknown or not available."""
        offer = self._by_tag.get(tag)
        return offer.operation if offer is not None and not offer.fault else None

    def is_known(self, tag: str) -> bool:
        """Whether there is such an operation, available or not."""
        return tag in self._by_tag

    def family_of(self, tag: str) -> Family:
        """The service family of a node type, available or not; media where it is unknown."""
        offer = self._by_tag.get(tag)
        known = None if offer is None else offer.operation
        return Family.MEDIA if known is None else known.family

    def absence(self, tag: str) -> str:
        """Why `find` finds nothing, and what would change that; part of a sentence."""
        offer = self._by_tag.get(tag)
        if offer is None:
            return f"this build has no operation {tag!r}"
        return f"the operation {tag} is not available: it {offer.fault}"


def read_plugins(entries: Iterable[EntryPoint] | None = None) -> list[Offer]:
    """Load every plug-in, in the order of their packages' names and their own.

    Args:
        entries: Entry points to load in place of those that are installed.
    """
    found = entry_points(group=GROUP) if entries is None else entries
    return [_loaded(entry) for entry in sorted(found, key=_order)]


def _order(entry: EntryPoint) -> tuple[str, str]:
    return ("" if entry.dist is None else entry.dist.name, entry.name)


def _loaded(entry: EntryPoint) -> Offer:
    package = "unknown" if entry.dist is None else entry.dist.name
    offer = Offer(
        tag=entry.name,
        operation=None,
        package=package,
        version="" if entry.dist is None else entry.dist.version,
    )
    try:
        found = entry.load()
    except (Exception, SystemExit) as error:  # noqa: BLE001  # anybody's code; it is told instead
        return replace(offer, fault=f"cannot be loaded: {_one_line(error)}")
    if not isinstance(found, Operation):
        return replace(offer, fault=f"is no Operation: {entry.value} is a {type(found).__name__}")
    fault = _fault_of(found, str(found.tag))
    return replace(offer, tag=entry.name if fault else found.tag, operation=found, fault=fault)


def _fault_of(operation: Operation[Any], tag: str) -> str:
    """What keeps a loaded plug-in from being offered; empty where nothing does."""
    if not _TAG.fullmatch(tag) or tag in _RESERVED:
        return f"has a tag that cannot be an element of XML or is taken: {tag!r}"
    if operation.block != tag:
        return f"must have a block named like its tag {tag!r}, not {operation.block!r}"
    return ""


def _without_clashes(plugged: Iterable[Offer], taken: set[str]) -> Iterator[Offer]:
    """Plug-ins, those marked that claim a tag which is taken or which another one claims."""
    offers = list(plugged)
    claims = Counter(offer.tag for offer in offers)
    for offer in offers:
        if offer.fault:
            yield offer
        elif offer.tag in taken:
            yield replace(offer, fault=f"claims the tag {offer.tag}, which is built in")
        elif claims[offer.tag] > 1:
            rivals = sorted({one.package for one in offers if one.tag == offer.tag})
            yield replace(offer, fault=f"is claimed more than once, by {', '.join(rivals)}")
        else:
            yield offer


def _examined(offer: Offer) -> Offer:
    """An offer with the first thing that its operation lacks."""
    if offer.fault or offer.operation is None:
        return offer
    for lacked in offer.operation.requires:
        if not lacked.is_met():
            return replace(offer, fault=missing_sentence(lacked), command=lacked.command)
    return offer


def _one_line(error: BaseException) -> str:
    text = " ".join(str(error).split())
    name = type(error).__name__
    return f"{name}: {text}"[:300] if text else name
