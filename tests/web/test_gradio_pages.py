"""What the Gradio half's own page of a checkpoint tells of it."""

import json
import re
from pathlib import Path

import gradio as gr
import pytest

import cut.checkpoints
from cut.web.gradio_pages import build
from tests.helpers import make_checkpoint
from tests.web.test_model_card import CARD

SCORES = {
    "known": (
        {"metric": "kid", "value": 0.125, "interval": [0.1, 0.15], "doing_nothing": 0.25},
        "KID 0.125 (0.100 to 0.150); doing nothing scores 0.250, lower is better",
    ),
    "other": ({"metric": "<b>", "value": 21.5}, "&lt;b&gt; 21.5, lower is better"),
    "unmeasured": ({"metric": "kid", "value": None}, None),
}


def test_a_page_tells_the_score_as_the_library_does_and_the_card_without_pictures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUT_HOME", str(tmp_path))
    monkeypatch.setattr(cut.checkpoints, "BUNDLED", tmp_path / "bundled")
    for name, (score, _) in SCORES.items():
        folder = make_checkpoint(tmp_path / "checkpoints" / name, ngf=4).folder
        config = json.loads((folder / "config.json").read_text()) | {"score": score}
        (folder / "config.json").write_text(json.dumps(config))
        (folder / "README.md").write_text(CARD if name == "other" else "", encoding="utf-8")
    parts = list(build().blocks.values())
    heads = [str(part.value) for part in parts if isinstance(part, gr.HTML)]
    for name, (_, line) in SCORES.items():
        (head,) = (text for text in heads if text.startswith(f"<h1>{name}</h1>"))
        told = re.findall("<p class='score'>(.*?)</p>", head)
        assert told == ([line] if line else [])
    (card,) = (
        part.value
        for part in parts
        if isinstance(part, gr.Markdown) and "Turns horses." in str(part.value)
    )
    assert "`--output <DIR>`" in card
    for gone in ("license", "![", "samples/", "a.png", "b.svg", "<p", "<img", "a note"):
        assert gone not in card, gone


def test_one_damaged_config_leaves_the_pages_of_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUT_HOME", str(tmp_path))
    monkeypatch.setattr(cut.checkpoints, "BUNDLED", tmp_path / "bundled")
    for name in ("bad", "good"):
        folder = make_checkpoint(tmp_path / "checkpoints" / name, ngf=4).folder
        config = json.loads((folder / "config.json").read_text())
        wrong = {"title": 7, "summary": ["x"], "score": {"value": "x"}, "data": "x"}
        (folder / "config.json").write_text(json.dumps(config | (wrong if name == "bad" else {})))
    heads = [str(part.value) for part in build().blocks.values() if isinstance(part, gr.HTML)]
    for name in ("bad", "good"):
        assert any(text.startswith(f"<h1>{name}</h1>") for text in heads)
