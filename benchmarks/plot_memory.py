"""Draw docs/explanation/memory.svg from the file of `penstock bench control-plane --memory-csv`.

python benchmarks/plot_memory.py memory.csv docs/explanation/memory.svg
"""

import csv
import sys
from pathlib import Path

WIDTH, HEIGHT = 760, 360
LEFT, RIGHT, TOP, BOTTOM = 60, 20, 48, 48
SERIES = (
    ("main_mib", "main process", "#1f5fa8"),
    ("workers_mib", "workers", "#b8500f"),
    ("planners_mib", "planner", "#2b7a3d"),
)


def draw(rows: list[dict[str, str]]) -> str:
    """The picture: memory of each kind of process over the objects that are done."""
    objects = [int(row["objects"]) for row in rows]
    highest = max(float(row[name]) for row in rows for name, _, _ in SERIES)
    top_mib = (int(highest / 20) + 1) * 20
    wide, high = WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM

    def x(count: float) -> float:
        return LEFT + wide * count / objects[-1]

    def y(mib: float) -> float:
        return TOP + high * (1 - mib / top_mib)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}"',
        ' font-family="sans-serif" font-size="13" role="img"',
        ' aria-label="Memory while a job of no-ops runs">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>',
    ]
    for mib in range(0, top_mib + 1, 20):
        parts += [
            f'<path d="M{LEFT} {y(mib):.1f}H{WIDTH - RIGHT}" stroke="#dddddd"/>',
            f'<text x="{LEFT - 8}" y="{y(mib) + 4:.1f}" text-anchor="end">{mib}</text>',
        ]
    for tenth in range(0, 11, 2):
        count = objects[-1] * tenth // 10
        parts.append(
            f'<text x="{x(count):.1f}" y="{HEIGHT - 26}" text-anchor="middle">{count:,}</text>'
        )
    parts += [
        f'<text x="{LEFT - 44}" y="20">MiB (proportional set size)</text>',
        f'<text x="{LEFT + wide / 2}" y="{HEIGHT - 6}" text-anchor="middle">objects done</text>',
    ]
    for number, (name, label, colour) in enumerate(SERIES):
        points = " ".join(
            f"{x(count):.1f},{y(float(row[name])):.1f}"
            for count, row in zip(objects, rows, strict=True)
        )
        at = LEFT + 250 + 130 * number
        parts += [
            f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"/>',
            f'<text x="{at}" y="20" fill="{colour}">{label}</text>',
        ]
    return "\n".join([*parts, "</svg>"]) + "\n"


def main() -> None:
    """Read the file, write the picture."""
    source, target = map(Path, sys.argv[1:])
    with source.open(newline="") as file:
        rows = list(csv.DictReader(file))
    target.write_text(draw(rows))


if __name__ == "__main__":
    main()
