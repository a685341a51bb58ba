"""Figures for paper and slides, drawn with matplotlib without a screen."""

from cut.figures.correspondence import correspondence_figure
from cut.figures.sheet import FORMATS, Format, figure_bytes

__all__ = ["FORMATS", "Format", "correspondence_figure", "figure_bytes"]
