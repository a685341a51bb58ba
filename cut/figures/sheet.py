"""A sheet of paper on which every part has its place in inches, and how it becomes a file."""

import io
import textwrap
import threading
from typing import Any, Literal

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure

Format = Literal["png", "svg", "pdf"]
FORMATS: tuple[Format, ...] = ("png", "svg", "pdf")

DPI = 150
INK, QUIET, PAPER = "#1a1a1a", "#5c5c5c", "#ececec"

HEADING, BODY, SMALL = 13.0, 10.5, 9.0
"""Points."""

LINE = 1.4 / 72
"""Inches from line to line, for each point of size."""

# matplotlib's fonts and settings belong to the process: one figure is written at a time.
_WRITING = threading.Lock()


class Sheet:
    """A white figure of `width` x `height` inches; places are counted from the top left."""

    def __init__(self, width: float, height: float):
        self.width, self.height = width, height
        self.figure = Figure((width, height), facecolor="white")

    def axes(self, left: float, top: float, width: float, height: float) -> Axes:
        """Axes in a box, without ticks and frame."""
        bottom = self.height - top - height
        axes = self.figure.add_axes(
            (left / self.width, bottom / self.height, width / self.width, height / self.height)
        )
        axes.set_axis_off()
        return axes

    def text(self, left: float, top: float, text: str, size: float = BODY, **style: Any) -> None:
        """Text whose first line stands on `top`, unless `style` says otherwise."""
        usual: dict[str, Any] = {"color": INK, "va": "baseline", "ha": "left", "linespacing": 1.4}
        x, y = left / self.width, 1 - top / self.height
        self.figure.text(x, y, text, fontsize=size, **(usual | style))


def wrapped(text: str, width: float, size: float = BODY) -> tuple[str, float]:
    """Text in lines of at most `width` inches, and the inches that they are high."""
    # A letter of DejaVu Sans is about half as wide as its size on average.
    lines = textwrap.wrap(text, int(width * 72 / (0.525 * size)))
    return "\n".join(lines), len(lines) * size * LINE


def figure_bytes(figure: Figure, kind: Format) -> bytes:
    """A figure as a file; the same bytes for the same figure: without date and program."""
    nothing: dict[Format, dict[str, Any]] = {
        "png": {"Software": None},
        "svg": {"Date": None, "Creator": None},
        "pdf": {"CreationDate": None, "Creator": None, "Producer": None},
    }
    buffer = io.BytesIO()
    # An SVG's identifiers are random unless salted; type 42 keeps the text of a PDF text.
    with _WRITING, matplotlib.rc_context({"svg.hashsalt": "cut", "pdf.fonttype": 42}):
        figure.savefig(buffer, format=kind, dpi=DPI, metadata=nothing[kind])
    return buffer.getvalue()
