"""A page about an evaluation: scores, charts, some pictures, and how it was made.

One HTML file that needs nothing else: no script, and pictures within it.
"""

import base64
import io
import platform
import random
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from html import escape
from importlib.metadata import version
from pathlib import Path
from string import Template
from typing import Any

from PIL import Image

from cut.evaluation import METRICS
from cut.evaluation.change import Change
from cut.evaluation.charts import histogram, interval_chart
from cut.evaluation.intervals import Interval
from cut.evaluation.scores import Pair, Score
from cut.files import write_text

_TEMPLATE = Path(__file__).with_name("report.html")
_PICTURES = 9
_SIDE = 256
"""px, the longest side of a picture on the page."""

_BIASED = ("fid",)
_PACKAGES = ("torch", "torchvision", "numpy", "pillow")


class Album:
    """Some of the translated pictures, drawn by a seed, and what each of all kept of its structure.

    Of n pictures every nine are as likely as any others (Vitter's reservoir, algorithm R), and
    only nine are in memory. One seed draws the same pictures of the same files.
    """

    def __init__(self, seed: int) -> None:
        self.kept: list[float] = []
        self._random = random.Random(seed)
        self._drawn: dict[int, tuple[int, str]] = {}

    def add(self, pair: Pair) -> None:
        """Take up a pair, or leave it out, as the draw has it."""
        number = len(self.kept)
        self.kept.append(pair.structure_kept)
        place = number if number < _PICTURES else self._random.randrange(number + 1)
        if place < _PICTURES:
            self._drawn[place] = number, _figure(pair)

    def html(self) -> str:
        """The drawn pairs in the order of their files."""
        return "".join(figure for _, figure in sorted(self._drawn.values()))

    @property
    def size(self) -> int:
        return len(self._drawn)


@dataclass(frozen=True)
class Result:
    """What one model scored on the test set, and some of its pictures."""

    name: str
    score: Score
    album: Album | None = None
    """Which a page about it needs."""
    change: Change | None = None
    """Inside and outside of masks, if there are some."""
    weights: str | None = None
    """Which of a run's, if it was one."""

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        change = {"change": asdict(self.change)} if self.change else {}
        return self.score.as_dict() | change | ({"weights": self.weights} if self.weights else {})


def write_report(
    path: Path, results: Sequence[Result], facts: Mapping[str, str], seed: int
) -> None:
    """Write the page, whole or not at all.

    Args:
        path: of the page.
        results: of one or more models on the same pictures, with their albums.
        facts: how it was made, by name; versions and date are added.
        seed: that the albums drew their pictures with.

    Raises:
        CutError: it cannot be written.
    """
    first = results[0].score
    albums = [result.album for result in results if result.album is not None]
    metric = METRICS[first.metric]
    best = min(results, key=lambda result: result.score.value)
    fields = {
        "title": escape(f"{best.name}: {metric} {_number(best.score.value)}"),
        "metric": metric,
        "summary": escape(_summary(first)),
        "table": _table(results),
        "notes": escape(_notes(first)),
        "change": _change(results),
        "chart": interval_chart(
            [
                *((result.name, result.score.value, result.score.interval) for result in results),
                ("doing nothing", first.doing_nothing, first.doing_nothing_interval),
            ]
        ),
        "histograms": "".join(
            histogram(album.kept, result.name)
            for result, album in zip(results, albums, strict=True)
        ),
        "drawn": f"Input and output; {albums[0].size} of {first.images}, "
        f"drawn by seed {seed}, not chosen.",
        "pictures": _pictures(results, albums),
        "facts": "".join(
            f"<dt>{escape(name)}</dt><dd>{_fact(name, text)}</dd>"
            for name, text in (dict(facts) | _surroundings()).items()
        ),
    }
    write_text(path, Template(_TEMPLATE.read_text(encoding="utf-8")).substitute(fields))


def _summary(score: Score) -> str:
    text = f"{score.images} translated against {score.targets} real pictures"
    return f"{text}, {score.skipped} skipped" if score.skipped else text


def _notes(score: Score) -> str:
    few = " With few pictures there are no intervals." if score.interval is None else ""
    # FID's bias, which few pictures make large, stays in its interval.
    ever = (
        "other pictures of the same kind, as many,"
        if score.metric in _BIASED
        else "pictures of the same kind without end"
    )
    return (
        f"Less is better in {METRICS[score.metric]}, more in the gain, which is doing nothing's "
        f"score less the model's. An interval holds what {ever} would give in some 95 of 100 "
        f"cases.{few}"
    )


def _table(results: Sequence[Result]) -> str:
    first = results[0].score
    heads = [METRICS[first.metric], "95 % interval", "gain", "95 % interval", "structure kept"]
    rows = [
        [
            result.name,
            _number(result.score.value),
            _ends(result.score.interval),
            _number(result.score.gain),
            _ends(result.score.gain_interval),
            f"{result.score.structure_kept:.2f}",
        ]
        for result in results
    ]
    nothing = _number(first.doing_nothing), _ends(first.doing_nothing_interval)
    return _html_table(heads, [*rows, ["doing nothing", *nothing, "", "", "1.00"]])


def _change(results: Sequence[Result]) -> str:
    """The section on what changes around the object; none without masks."""
    measured = [(result.name, result.change) for result in results if result.change is not None]
    if not measured:
        return ""
    heads = ["outside", "inside", "texture outside", "texture inside"]
    rows = [[name, *_levels(change)] for name, change in measured]
    return (
        "<h2>Change outside and inside of the masks</h2>"
        f'<div class="wide">{_html_table(heads, rows)}</div>'
        '<p class="quiet">Mean absolute difference of input and output, in levels of 0 to 255, '
        f"over {measured[0][1].images} pictures with masks. Texture is what is finer than 16 px. "
        "Doing nothing changes nothing.</p>"
    )


def _levels(change: Change) -> list[str]:
    levels = change.outside, change.inside, change.texture_outside, change.texture_inside
    return [f"{level:.1f}" for level in levels]


def _html_table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table whose rows begin with their names."""
    head = "".join(f"<th>{escape(text)}</th>" for text in ("", *heads))
    body = "".join(
        f'<tr><th scope="row">{escape(name)}</th>'
        + "".join(f"<td>{escape(text)}</td>" for text in texts)
        + "</tr>"
        for name, *texts in rows
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _number(value: float) -> str:
    """Four decimals for a KID, as people quote it; fewer for a distance that is in the tens."""
    return f"{value:.4f}" if abs(value) < 10 else f"{value:.1f}"


def _ends(interval: Interval | None) -> str:
    return " to ".join(map(_number, interval)) if interval else "–"


def _pictures(results: Sequence[Result], albums: Sequence[Album]) -> str:
    names = [f"<p>{escape(result.name)}</p>" if len(results) > 1 else "" for result in results]
    return "".join(
        f'{name}<div class="pictures">{album.html()}</div>'
        for name, album in zip(names, albums, strict=True)
    )


def _figure(pair: Pair) -> str:
    images = "".join(
        f'<img alt="{what}" src="{_inline(picture)}">'
        for what, picture in (("input", pair.before), ("output", pair.after))
    )
    caption = f"{pair.file.name}, structure kept {pair.structure_kept:.2f}"
    return (
        f'<figure><div class="pair">{images}</div>'
        f"<figcaption>{escape(caption)}</figcaption></figure>"
    )


def _inline(picture: Image.Image) -> str:
    small = picture.copy()
    small.thumbnail((_SIDE, _SIDE), Image.Resampling.LANCZOS)
    content = io.BytesIO()
    small.save(content, "JPEG", quality=85, optimize=True)
    return "data:image/jpeg;base64," + base64.b64encode(content.getvalue()).decode("ascii")


def _surroundings() -> dict[str, str]:
    from cut.checkpoints import VERSION

    versions = [f"{name} {version(name)}" for name in _PACKAGES]
    return {
        "versions": ", ".join([f"cut {VERSION}", f"Python {platform.python_version()}", *versions]),
        "date": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()),
    }


def _fact(name: str, text: str) -> str:
    return f"<code>{escape(text)}</code>" if name == "command" else escape(text)
