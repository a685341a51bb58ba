"""The page about an evaluation: whole in itself, true to the scores, pictures drawn by a seed."""

import base64
import io
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from PIL import Image

from cut.evaluation.charts import histogram, interval_chart
from cut.evaluation.report import Album, Result, write_report
from cut.evaluation.scores import Pair, Score
from tests.evaluation.stand_ins import picture


def score(value: float = 0.139, **changes: object) -> Score:
    values: dict[str, object] = {
        "metric": "kid-lite0",
        "value": value,
        "interval": (value - 0.02, value + 0.02),
        "doing_nothing": 0.22,
        "doing_nothing_interval": (0.19, 0.25),
        "gain_interval": (0.05, 0.11),
        "images": 30,
        "targets": 40,
        "skipped": 2,
        "structure_kept": 0.64,
    }
    return Score(**values | changes)  # type: ignore[arg-type]


def album(seed: int = 0, count: int = 30) -> Album:
    made, one, other = Album(seed), picture(1), picture(2)
    for number in range(count):
        made.add(Pair(Path(f"{number:02}.png"), one, other, number / count))
    return made


class Elements(HTMLParser):
    """The tags of a page, that each but the void ones is closed, and what it refers to."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.links: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.links += [value or "" for name, value in attrs if name in ("src", "href")]
        if tag not in ("meta", "img"):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_page_needs_nothing_else(tmp_path: Path) -> None:
    results = [Result("one", score(), album()), Result("two", score(0.1), album())]
    write_report(tmp_path / "page.html", results, {"command": "python -m cut evaluate"}, seed=0)
    html = (tmp_path / "page.html").read_text()
    page = Elements(html)
    assert page.open == []
    assert "script" not in page.tags
    assert len(page.links) == 2 * 2 * 9
    for link in page.links:
        head, _, content = link.partition(",")
        assert head == "data:image/jpeg;base64"
        assert Image.open(io.BytesIO(base64.b64decode(content))).size == (32, 32)
    assert not re.search(r"https?://|@import|url\(", html)
    assert "two: KID-lite0 0.1000" in html  # the better one is the title's
    assert "<code>python -m cut evaluate</code>" in html
    assert "30 translated against 40 real pictures, 2 skipped" in html
    assert len(html) < 500_000


def test_pictures_are_drawn_by_the_seed() -> None:
    assert album(3).html() == album(3).html()
    assert album(3).html() != album(4).html()
    assert album(count=5).size == 5
    drawn = re.findall(r"(\d+)\.png", album(3).html())
    assert len(set(drawn)) == 9
    assert drawn == sorted(drawn)


def test_every_picture_is_as_likely_as_another() -> None:
    seen = [0] * 24
    for seed in range(150):
        for number in re.findall(r"(\d+)\.png", album(seed, 24).html()):
            seen[int(number)] += 1
    # Three in eight of 150 each, with a deviation of 6.
    assert sum(seen) == 1350
    assert all(30 < count < 82 for count in seen)


def test_page_of_single_pictures(tmp_path: Path) -> None:
    one = score(91.2, interval=None, doing_nothing_interval=None, gain_interval=None, images=1)
    write_report(tmp_path / "page.html", [Result("one", one, album(count=1))], {}, seed=0)
    html = (tmp_path / "page.html").read_text()
    assert Elements(html).open == []
    assert "<td>91.2</td><td>–</td>" in html
    assert "With few pictures there are no intervals." in html


@pytest.mark.parametrize(("metric", "words"), [("kid", "without end"), ("fid", "as many,")])
def test_an_interval_is_told_for_what_it_is(tmp_path: Path, metric: str, words: str) -> None:
    result = Result("one", score(metric=metric), album())
    write_report(tmp_path / "page.html", [result], {}, seed=0)
    assert f"{words} would give in some 95" in (tmp_path / "page.html").read_text()


def test_interval_chart_places_values_in_proportion() -> None:
    svg = interval_chart([("model", 0.1, (0.05, 0.15)), ("doing nothing", 0.2, None)])
    dots = [float(x) for x in re.findall(r'<circle class="mark" cx="([\d.]+)"', svg)]
    bar = re.search(r'<line class="mark" x1="([\d.]+)" x2="([\d.]+)"', svg)
    assert bar is not None
    start, end = map(float, bar.groups())
    scale = (dots[1] - dots[0]) / 0.1
    assert end - start == pytest.approx(0.1 * scale, abs=0.2)
    assert (start + end) / 2 == pytest.approx(dots[0], abs=0.2)
    ticks = re.findall(r'<text class="quiet" x="([\d.]+)"[^>]*>([^<]+)<', svg)
    zero = float(ticks[0][0])
    for x, label in ticks:
        assert float(x) - zero == pytest.approx(float(label) * scale, abs=0.3)


def test_histogram_counts_every_value() -> None:
    svg = histogram([-0.25, 0.0, 0.5, 0.501, 0.999, 1.0], "model")
    counts = [int(count) for count in re.findall(r": (\d+)</title>", svg)]
    assert sum(counts) == 6
    assert counts[0] >= 1
    assert counts[-1] == 2
