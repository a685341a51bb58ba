"""A checkpoint's card: what it was trained on, under which terms, and how it scores."""

from typing import TYPE_CHECKING

import streamlit as st

from cut.library.store import sample_files
from cut.web.library.pictures import shows
from cut.web.model_card import shown_text
from cut.web.score import score_line
from cut.web.widgets.plain import plain

if TYPE_CHECKING:
    from cut.checkpoints import Checkpoint


def card(checkpoint: "Checkpoint") -> None:
    """Draw the card of `checkpoint`; the whole model card opens on demand."""
    for line in (data_line(checkpoint), plain(score_line(checkpoint.score))):
        if line:
            st.caption(line)
    samples = sample_files(checkpoint.folder)
    if checkpoint.card or samples:
        with st.expander("Model card"):
            st.markdown(shown_text(checkpoint.card))
            for sample in samples:
                st.image(sample, width="stretch", alt=f"{shows(sample)}: before and after")


def data_line(checkpoint: "Checkpoint") -> str:
    """Return on what the checkpoint was trained, and the terms of that; empty if it is not told."""
    if not checkpoint.data:
        return ""
    steps = f" for {checkpoint.steps:,} steps" if checkpoint.steps else ""
    terms = f" Terms: {plain(checkpoint.terms).rstrip('.')}." if checkpoint.terms else ""
    return f"Trained on {plain(checkpoint.data)}{steps}.{terms}"
