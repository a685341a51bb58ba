"""The library's cards: one a model, with its picture, what is known of it, and where to use it."""

from collections.abc import Iterator, Sequence
from typing import Literal, TypeVar

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from cut.checkpoints import Checkpoint
from cut.errors import CutError
from cut.library.speed import recall
from cut.web.library import pictures, telling
from cut.web.widgets.facts import fact_list
from cut.web.widgets.library_told import tell_unread
from cut.web.widgets.plain import plain

TRANSLATE, PATCHES, TRAIN = "translate.py", "patches.py", "train.py"

Thing = TypeVar("Thing")
Gap = Literal["small", "medium"]

_COLUMNS = 2


def cards(checkpoints: Sequence[Checkpoint]) -> None:
    """Draw a card for each of `checkpoints`, two beside each other where there is room."""
    for column, checkpoint in in_columns(checkpoints, gap="medium"):
        with column, st.container(border=True, height="stretch", key=_key(checkpoint)):
            try:
                _card(telling.readable(checkpoint))
            except (CutError, OSError) as error:
                st.markdown(f"**{plain(checkpoint.name)}**")
                tell_unread(checkpoint.name, error)
                _open(checkpoint)


def in_columns(things: Sequence[Thing], gap: Gap) -> Iterator[tuple[DeltaGenerator, Thing]]:
    """Yield `things`, each with the place to draw it in: two beside each other, row by row."""
    for start in range(0, len(things), _COLUMNS):
        columns = st.columns(_COLUMNS, gap=gap)
        yield from zip(columns, things[start : start + _COLUMNS], strict=False)


def use(checkpoint: Checkpoint) -> None:
    """Draw the links to the pages that use a model."""
    query = {"checkpoint": checkpoint.name}
    st.page_link(TRANSLATE, label="Use it on Translate", query_params=query)
    st.page_link(PATCHES, label="See its patches", query_params=query)


def _card(checkpoint: Checkpoint) -> None:
    samples = pictures.samples(checkpoint)
    cover = pictures.sample(samples[0]) if samples else None
    if cover:
        st.image(cover, width="stretch", alt=f"{checkpoint.title}: before and after")
    else:
        st.html('<div class="cut-no-picture">No pictures yet</div>')
    st.markdown(f"##### {plain(checkpoint.title)}", anchors=False)
    if checkpoint.summary:
        st.markdown(plain(checkpoint.summary))
    if checkpoint.title != checkpoint.name:
        st.caption(plain(checkpoint.name))
    fact_list(telling.short_facts(checkpoint, recall(checkpoint)))
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        use(checkpoint)
        _open(checkpoint)


def _open(checkpoint: Checkpoint) -> None:
    if st.button("Open the card", key=f"library_open_{checkpoint.name}"):
        open_model(checkpoint.name)


def open_model(name: str | None) -> None:
    """Draw the page anew with the card of that model opened, or with all of them.

    A link from a page to itself would leave the address as it is.
    """
    if name is None:
        del st.query_params["model"]
    else:
        st.query_params["model"] = name
    st.rerun()


def _key(checkpoint: Checkpoint) -> str:
    return f"library_card_{checkpoint.name}"
