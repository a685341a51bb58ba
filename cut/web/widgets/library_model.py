"""One model of the library, its card opened: all its pictures, its text, and what can be done."""

import streamlit as st

from cut.checkpoints import Checkpoint
from cut.errors import CutError
from cut.library.speed import recall
from cut.web.library import pictures, telling
from cut.web.model_card import shown_text
from cut.web.widgets.facts import fact_list
from cut.web.widgets.library_cards import LIBRARY, use
from cut.web.widgets.plain import plain, sentence


def model_view(checkpoint: Checkpoint) -> None:
    """Draw the opened card."""
    st.title(plain(checkpoint.title), anchor=False)
    try:
        checkpoint = telling.readable(checkpoint)
    except CutError as error:
        st.error(sentence(str(error)))
        st.page_link(LIBRARY, label="All models")
        return
    if checkpoint.summary:
        st.markdown(plain(checkpoint.summary))
    with st.container(horizontal=True, vertical_alignment="center", key="library_actions"):
        st.page_link(LIBRARY, label="All models")
        use(checkpoint)
    # What is known of it goes first: on a phone the columns stand below each other.
    left, right = st.columns([4, 7], gap="large")
    with left:
        fact_list(telling.all_facts(checkpoint, recall(checkpoint)))
    with right:
        _pictures(checkpoint)
        text = shown_text(checkpoint.card)
        if text:
            st.subheader("Model card", anchor=False)
            st.markdown(text, anchors=False)


def _pictures(checkpoint: Checkpoint) -> None:
    shown = [(path.stem, pictures.sample(path)) for path in pictures.samples(checkpoint)]
    if not any(picture for _, picture in shown):
        st.caption("No pictures yet.")
        return
    with st.container(key="library_pictures"):
        for stem, picture in shown:
            words = stem.replace("_", " ")
            words = words[:1].upper() + words[1:]
            if picture:
                alt = f"{words}: before and after"
                st.image(picture, width="stretch", alt=alt, caption=plain(words))
