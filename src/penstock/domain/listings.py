"""One page of a bucket's listing, as COS and S3 cut it."""

from dataclasses import dataclass

from penstock.domain.selection import ObjectInfo

MAX_KEYS = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class ListingQuery:
    """What to list.

    Attributes:
        prefix: A string prefix of the keys.
        delimiter: Keys that have it after the prefix are rolled up into one common prefix each;
            empty rolls nothing up.
        marker: Only what sorts after it; a common prefix skips all that lies below it.
        max_keys: Most keys and common prefixes together, 0 to 1000.
    """

    prefix: str = ""
    delimiter: str = ""
    marker: str = ""
    max_keys: int = MAX_KEYS


@dataclass(frozen=True, slots=True, kw_only=True)
class ListingPage:
    """What was found.

    Attributes:
        contents: Objects that are not rolled up, in the order of their keys.
        common_prefixes: What the others were rolled up into, in order.
        next_marker: The marker of the next page; empty on the last one.
    """

    contents: tuple[ObjectInfo, ...] = ()
    common_prefixes: tuple[str, ...] = ()
    next_marker: str = ""

    @property
    def is_truncated(self) -> bool:
        """Whether there is another page."""
        return bool(self.next_marker)
