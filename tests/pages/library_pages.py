"""What the tests of the page Library share: models worth a card, and what a page shows."""

import html
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from streamlit.testing.v1 import AppTest

from cut.checkpoints import Checkpoint, read_checkpoint
from tests.helpers import make_picture

OpenLibrary = Callable[..., AppTest]

SCORE = {"metric": "kid-lite0", "value": 0.125, "doing_nothing": 0.25, "interval": [0.1, 0.15]}


def furnish(folder: Path, **values: Any) -> Checkpoint:
    """Give a checkpoint folder a card, two samples, and fields of config.json."""
    config = json.loads((folder / "config.json").read_text()) | values
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "samples").mkdir(exist_ok=True)
    for seed, name in enumerate(("a", "b")):
        make_picture(104, 48, seed).save(folder / "samples" / f"{name}.jpg")
    (folder / "README.md").write_text("# Title\n\n![x](samples/b.jpg)\n\nWhat it <b>does</b>.")
    return read_checkpoint(folder)


def told(page: AppTest) -> list[dict[str, str]]:
    """What each list of facts on the page tells, by name."""
    assert not page.exception, page.exception
    found = [element.proto.body for element in page.get("html")]
    rows = [re.findall(r"<dt>(.*?)</dt><dd>(.*?)</dd>", body) for body in found]
    return [{name: html.unescape(value) for name, value in row} for row in rows if row]


def links(page: AppTest) -> list[tuple[str, str, str]]:
    """Label, page and query of each link."""
    found = [element.proto for element in page.get("page_link")]
    return [(link.label, link.page, link.query_string) for link in found]
