"""Draw the scores of trainings against their steps, from the tables of `benchmarks/training`.

    python -m benchmarks.curves     one SVG beside each table: monet2photo.md, monet2photo.svg, ...

A line is a run, in the order of its rows; what was not scored is not drawn. Bars are the intervals.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent / "training"
TARGETS = {"horse2zebra": 0.0648, "photo2monet": 0.031, "monet2photo": 0.031, "grey2ginger": 0.0225}
SCORE = re.compile(r"\*{0,2}(0\.\d+)\*{0,2}(?: \((0\.\d+) to (0\.\d+)\))?(.*)")


@dataclass(frozen=True)
class Point:
    """A row: `low` and `high` bound the 95 % interval, where there is one."""

    run: str
    steps: int
    score: float
    low: float | None
    high: float | None
    shipped: bool


def points(table: str) -> Iterator[Point]:
    """The scored rows of the table that has columns `run`, `steps` and `KID-lite0`."""
    columns: list[str] = []
    for line in table.splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if not line.startswith("|"):
            columns = []
        elif not columns:
            columns = cells
        elif {"run", "steps", "KID-lite0"} <= set(columns):
            row = dict(zip(columns, cells, strict=True))
            score, steps = SCORE.match(row["KID-lite0"]), row["steps"].replace(",", "")
            if row["run"] and steps.isdigit() and score:
                low, high = (float(n) if n else None for n in score.group(2, 3))
                shipped = "**" in row["KID-lite0"]
                yield Point(row["run"], int(steps), float(score[1]), low, high, shipped)


def draw(name: str, found: list[Point]) -> None:
    """Write `name`.svg."""
    import matplotlib

    matplotlib.use("svg")
    matplotlib.rcParams |= {"svg.fonttype": "none", "svg.hashsalt": name, "font.size": 9}
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 3.6), layout="constrained")
    axes = figure.subplots()
    for run in dict.fromkeys(point.run for point in found):
        line = [point for point in found if point.run == run]
        steps, scores = [p.steps for p in line], [p.score for p in line]
        reach = [(p.score - (p.low or p.score), (p.high or p.score) - p.score) for p in line]
        bars = list(zip(*reach, strict=True))
        axes.errorbar(steps, scores, bars, marker="o", capsize=2, lw=1, label=f"run {run}")
    for point in [point for point in found if point.shipped][-1:]:
        ring = {"markerfacecolor": "none", "markersize": 13, "linestyle": "none"}
        axes.plot(point.steps, point.score, "o", color="black", label="shipped", **ring)
    if name in TARGETS:
        axes.axhline(TARGETS[name], color="0.5", linestyle=":", label="target")
    axes.set(xlabel="steps of the run", ylabel="KID-lite0, less is better", title=name)
    axes.set_ylim(bottom=0)
    axes.grid(alpha=0.3)
    axes.legend(ncols=2, fontsize=8)
    figure.savefig(HERE / f"{name}.svg", metadata={"Date": None})


def main() -> None:
    for table in sorted(HERE.glob("*.md")):
        found = list(points(table.read_text()))
        if found:
            draw(table.stem, found)
            print(f"{table.stem}: {len(found)} scores")


if __name__ == "__main__":
    main()
