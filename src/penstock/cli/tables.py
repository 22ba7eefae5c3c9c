"""Tables on standard output, for people."""

import sys
from collections.abc import Iterable, Mapping, Sequence


def write_table(rows: Sequence[Mapping[str, object]]) -> None:
    """A line of names, and one a row; columns are as wide as what they hold."""
    if not rows:
        return
    lines = [list(rows[0]), *([cell_text(value) for value in row.values()] for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    for line in lines:
        sys.stdout.write(f"{_columns(line, widths)}\n")


def cell_text(value: object) -> str:
    """A value as it stands in a cell."""
    return "-" if value is None else str(value)


def _columns(cells: Iterable[str], widths: Sequence[int]) -> str:
    padded = (f"{cell:<{width}}" for cell, width in zip(cells, widths, strict=True))
    return "  ".join(padded).rstrip()
