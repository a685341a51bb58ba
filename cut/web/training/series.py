"""A job's losses over time, thinned to what a page can show."""

import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from cut.jobs import Jobs, Metric

MOST_ROWS = 2_000
"""Rows of losses kept a job; beyond them neighbours are averaged, so that memory stays bounded."""

MOST_POINTS = 160
_MOST_JOBS = 32


@dataclass(frozen=True)
class Panel:
    """One drawing: the losses in it with their names for people, and what good looks like."""

    title: str
    lines: dict[str, str]
    good: str


PANELS = (
    Panel(
        "Structure",
        {"NCE": "NCE, the painting's places", "NCE_Y": "NCE_Y, the photo's own"}
        | {"cycle_A": "cycle_A, A there and back", "cycle_B": "cycle_B, B there and back"},
        "Falls, then settles. If it climbs for long, shapes are being given up: "
        "keep the structure more strongly.",
    ),
    Panel(
        "The judge",
        {"D_real": "D_real, true pictures", "D_fake": "D_fake, translations"}
        | {"V_real": "V_real, true pictures by their content", "V_fake": "V_fake, translations"}
        | {"D_A": "D_A, of pictures like B", "D_B": "D_B, of pictures like A"},
        "The two stay close together. If both sink to zero, the judge tells everything apart "
        "and the translation learns little.",
    ),
    Panel(
        "Looks",
        {"G_GAN": "G_GAN, convincing the judge"}
        | {"G_vision": "G_vision, the same by content"}
        | {"G_A": "G_A, the same from A to B", "G_B": "G_B, the same from B to A"},
        "Goes up and down around one level. A steady climb means that the judge is winning.",
    ),
    Panel(
        "Colours",
        {"colour": "colour, against the photo's palette"},
        "Falls, then settles: the translation has taken on the photo's colours.",
    ),
    Panel(
        "Staying",
        {"colour_kept": "colour_kept, against the painting's colours"}
        | {"background": "background, what changes around the objects"}
        | {"background_texture": "background_texture, the same of what is fine"},
        "Rises first, as the translation starts to change things, then settles.",
    ),
    Panel(
        "Texture",
        {"texture": "texture, against the photo's patches"},
        "Falls quickly, then slowly: the translation's small patches come to be like the photo's.",
    ),
    Panel(
        "Leaving photos alone",
        {"idt": "idt, a photo against its translation"}
        | {"idt_A": "idt_A, B left as it is", "idt_B": "idt_B, A left as it is"},
        "Falls towards zero: what is a photo already comes out unchanged.",
    ),
    Panel(
        "Calming the judge",
        {"D_R1": "D_R1, how steep its verdicts are"},
        "Stays small. Spikes say that training is unsteady.",
    ),
)


_SUM = "G"  # of what is drawn already


@dataclass
class Losses:
    """The losses of one job so far."""

    rows: list[Metric] = field(default_factory=list)
    last: int = 0

    def add(self, rows: Sequence[Metric]) -> None:
        """Take in rows that follow."""
        self.rows.extend(rows)
        if rows:
            self.last = max(self.last, rows[-1].step)
        while len(self.rows) > MOST_ROWS:
            self.rows = averaged(self.rows, len(self.rows) // 2)


class Ledger:
    """Losses by job, so that each poll reads only what is new."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: OrderedDict[str, Losses] = OrderedDict()

    def read(self, jobs: Jobs, id: str, step: int) -> list[Metric]:
        """Return the losses of a job, which stands at `step`: at most MOST_ROWS rows.

        Raises CutError as `Jobs` does.
        """
        with self._lock:
            losses = self._known.pop(id, None) or Losses()
            if step < losses.last:
                losses = Losses()  # it went back to its last save, and what followed is gone
            losses.add(jobs.metrics(id, after=losses.last))
            self._known[id] = losses
            while len(self._known) > _MOST_JOBS:
                self._known.popitem(last=False)
            return list(losses.rows)


LEDGER = Ledger()


OF_SETS = (
    ("the painting's", "A's"),
    ("the photo's", "B's"),
    ("Leaving photos alone", "Leaving B alone"),
    ("what is a photo already", "what is like B already"),
    ("a photo against", "a picture of B against"),
)
"""How the panels' words for a pair read where two sets are trained on."""


def panels(rows: Sequence[Metric], pair: bool = True) -> list[dict[str, Any]]:
    """Return what to draw: the panels that have losses, their lines as [step, value] pairs.

    A loss that no panel knows gets one of its own, under its name. Without `pair` the words are
    about two sets, A and B.
    """
    points = averaged(rows, MOST_POINTS)
    found = []
    for panel in (*PANELS, *_others(points)):
        lines = []
        for name, title in panel.lines.items():
            drawn = [[row.step, round(row.losses[name], 5)] for row in points if name in row.losses]
            if drawn:
                lines.append({"title": title, "points": drawn})
        if lines:
            found.append({"title": panel.title, "good": panel.good, "lines": lines})
    return found if pair else [_of_sets(panel) for panel in found]


def _of_sets(panel: dict[str, Any]) -> dict[str, Any]:
    lines = [line | {"title": _reworded(line["title"])} for line in panel["lines"]]
    return {
        "title": _reworded(panel["title"]),
        "good": _reworded(panel["good"]),
        "lines": lines,
    }


def _reworded(text: str) -> str:
    for said, meant in OF_SETS:
        text = text.replace(said, meant)
    return text


def _others(points: Sequence[Metric]) -> list[Panel]:
    known = {_SUM}.union(*(panel.lines for panel in PANELS))
    names = dict.fromkeys(name for row in points for name in row.losses if name not in known)
    return [Panel(name, {name: name}, "") for name in names]


def averaged(rows: Sequence[Metric], limit: int) -> list[Metric]:
    """Return `rows`, or `limit` rows that each average as many neighbours."""
    if len(rows) <= limit:
        return list(rows)
    borders = [len(rows) * k // limit for k in range(limit + 1)]
    return [_mean(rows[a:b]) for a, b in pairwise(borders)]


def _mean(rows: Sequence[Metric]) -> Metric:
    names = dict.fromkeys(name for row in rows for name in row.losses)
    losses = {}
    for name in names:
        values = [row.losses[name] for row in rows if name in row.losses]
        losses[name] = sum(values) / len(values)
    return Metric(rows[-1].step, rows[-1].seconds, losses)
