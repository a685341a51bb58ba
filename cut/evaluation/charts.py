"""Small charts as inline SVG: points with their intervals, and a histogram."""

from collections.abc import Sequence
from html import escape
from math import ceil, floor, log10

from cut.evaluation.intervals import Interval

_WIDTH, _SIDE = 560, 20
_ROW, _FOOT = 46, 30
_BARS = 20


def interval_chart(rows: Sequence[tuple[str, float, Interval | None]]) -> str:
    """Return an SVG with a line for each name: its value as a dot, its interval as a bar."""
    ends = [end for _, value, interval in rows for end in (value, *(interval or ()))]
    ticks = _ticks(min(0.0, *ends), max(0.0, *ends))
    low, high = ticks[0], ticks[-1]

    def x(value: float) -> float:
        return round(_SIDE + (value - low) / (high - low) * (_WIDTH - 2 * _SIDE), 1)

    bottom = len(rows) * _ROW
    parts = [
        f'<line x1="{x(tick)}" x2="{x(tick)}" y1="0" y2="{bottom}"/>'
        f'<text class="quiet" x="{x(tick)}" y="{bottom + 18}" text-anchor="middle">{tick:g}</text>'
        for tick in ticks
    ]
    for number, (name, value, interval) in enumerate(rows):
        y = number * _ROW + 32
        parts.append(f'<text x="{_SIDE}" y="{y - 14}">{escape(name)}</text>')
        if interval is not None:
            start, end = map(x, interval)
            parts.append(f'<line class="mark" x1="{start}" x2="{end}" y1="{y}" y2="{y}"/>')
        parts.append(f'<circle class="mark" cx="{x(value)}" cy="{y}" r="4.5"/>')
    return _svg(bottom + _FOOT, parts, "scores and their intervals")


def histogram(values: Sequence[float], title: str) -> str:
    """Return an SVG that counts `values` in 20 bars from 0, or their least if below, to 1."""
    low = min(0.0, floor(10 * min(values)) / 10)
    step = (1 - low) / _BARS
    counts = [0] * _BARS
    for value in values:
        counts[min(int((value - low) / step), _BARS - 1)] += 1
    most, top, height = max(counts), 40, 100
    wide = (_WIDTH - 2 * _SIDE) / _BARS
    parts = [f'<text x="{_SIDE}" y="14">{escape(title)}</text>']
    for number, count in enumerate(counts):
        bar = round(count / most * height, 1)
        left = round(_SIDE + number * wide, 1)
        parts.append(
            f'<rect class="mark" style="stroke:none" x="{left}" y="{top + height - bar}" '
            f'width="{wide - 2}" height="{bar}"><title>{low + number * step:.2f} to '
            f"{low + (number + 1) * step:.2f}: {count}</title></rect>"
        )
        if count == most:
            parts.append(
                f'<text class="quiet" x="{left + wide / 2 - 1}" y="{top - 5}" '
                f'text-anchor="middle">{count}</text>'
            )
    foot = top + height
    parts.append(f'<line x1="{_SIDE}" x2="{_WIDTH - _SIDE}" y1="{foot}" y2="{foot}"/>')
    for share in (0.0, 0.5, 1.0):
        place = _SIDE + share * (_WIDTH - 2 * _SIDE)
        parts.append(
            f'<text class="quiet" x="{place}" y="{foot + 18}" text-anchor="middle">'
            f"{low + share * (1 - low):g}</text>"
        )
    return _svg(foot + _FOOT, parts, f"structure kept by {title}")


def _ticks(low: float, high: float) -> list[float]:
    """Round numbers, some four to eight of them, from below `low` to above `high`."""
    span = (high - low) or 1.0
    step = 10.0 ** floor(log10(span))
    step = next(step * part for part in (0.1, 0.2, 0.5, 1, 2) if span / (step * part) <= 6)
    first, last = floor(low / step), ceil(high / step)
    return [round(number * step, 12) for number in range(first, max(last, first + 1) + 1)]


def _svg(height: float, parts: Sequence[str], label: str) -> str:
    return (
        f'<svg viewBox="0 0 {_WIDTH} {height}" role="img" aria-label="{escape(label)}">'
        f"{''.join(parts)}</svg>"
    )
