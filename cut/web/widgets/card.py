"""A checkpoint's card: what it was trained on, under which terms, and how it scores."""

import re
from typing import TYPE_CHECKING, Any

import streamlit as st

from cut.web.widgets.plain import plain

if TYPE_CHECKING:
    from cut.checkpoints import Checkpoint

_METRICS = {"kid-lite0": "KID-lite0", "kid": "KID", "fid": "FID", "sifid-lite0": "SIFID-lite0"}
_IMAGE_LINE = re.compile(r"^\s*!\[[^\]]*\]\([^)]*\)\s*$", re.MULTILINE)
_FIRST_HEADING = re.compile(r"\A\s*# [^\n]*\n")


def card(checkpoint: "Checkpoint") -> None:
    """Draw the card of `checkpoint`; the whole model card opens on demand."""
    for line in (data_line(checkpoint.config), score_line(checkpoint.score)):
        if line:
            st.caption(line)
    samples = sorted((checkpoint.folder / "samples").glob("*.jpg"))
    if checkpoint.card or samples:
        with st.expander("Model card"):
            # Pictures in the text name files of the checkpoint's folder, which is not served.
            text = _IMAGE_LINE.sub("", _FIRST_HEADING.sub("", checkpoint.card))
            st.markdown(_smaller_headings(text))
            for sample in samples:
                st.image(sample, width="stretch", alt=f"Sample {sample.stem}")


def data_line(config: dict[str, Any]) -> str:
    """Return on what the checkpoint was trained, and the terms of that; empty if it is not told."""
    data = config.get("data") or {}
    if not data.get("name"):
        return ""
    steps = f" for {config['steps']:,} steps" if config.get("steps") else ""
    terms = f" Terms: {plain(data['terms']).rstrip('.')}." if data.get("terms") else ""
    return f"Trained on {plain(data['name'])}{steps}.{terms}"


def score_line(score: dict[str, Any] | None) -> str:
    """Return the score beside what the untouched pictures score; empty if it was not measured."""
    if not score or score.get("value") is None:
        return ""
    metric = _METRICS.get(score["metric"], score["metric"])
    line = f"{metric} **{score['value']:#.3g}**"
    if score.get("doing_nothing") is not None:
        line += f" (doing nothing: {score['doing_nothing']:#.3g})"
    return f"{line}; lower is better."


def _smaller_headings(text: str) -> str:
    """Return Markdown `text` with bold lines for headings: an expander has no room for titles."""
    return re.sub(r"^#+ +(.*?)\s*$", r"\n**\1**\n", text, flags=re.MULTILINE)
