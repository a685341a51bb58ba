"""A model in another format: chosen, made while one watches, taken along."""

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import streamlit as st

from cut.checkpoints import Checkpoint
from cut.web.library.exporting import FORMATS, Export, export
from cut.web.widgets.library_told import attempt
from cut.web.widgets.plain import plain
from cut.web.widgets.running import wait_teller

if TYPE_CHECKING:
    from streamlit.delta_generator import DeltaGenerator

_CAPTIONS = (
    "`latest_net_G.pth` and what goes with it, in a zip",
    "one file for pictures of any size, compared with PyTorch before you get it",
    "a folder that `huggingface_hub` loads and pushes, in a zip",
)
_KEPT = "cut_library_export"


@dataclass(frozen=True)
class _Kept:
    """An export, and what it was made of: model, time of its weights, format, licence."""

    of: tuple[str, float, str, str]
    made: Export


def export_view(checkpoint: Checkpoint) -> None:
    """Draw the choice of format, and the way to a file of it. One file a visitor is kept."""
    with st.expander("Export to another format"):
        kind = st.radio(
            "Format",
            list(FORMATS),
            format_func=FORMATS.__getitem__,
            captions=_CAPTIONS,
            key="library_format",
            label_visibility="collapsed",
        )
        licence = ""
        if kind == "hub" and not checkpoint.terms:
            licence = st.text_input(
                "Licence, as the Hub calls it",
                placeholder="cc-by-nc-4.0, or other",
                help="The model states no terms, and the Hub asks for a licence.",
                key="library_licence",
            ).strip()
        of = (checkpoint.name, checkpoint.changed, kind, licence)
        line = st.empty()
        if st.button("Export", key="library_export"):
            made = _make(checkpoint, kind, licence, line)
            if made is not None:
                st.session_state[_KEPT] = _Kept(of, made)
        kept = st.session_state.get(_KEPT)
        if kept is not None and kept.of == of:
            _offer(kept.made)


def _make(checkpoint: Checkpoint, kind: str, licence: str, line: "DeltaGenerator") -> Export | None:
    with line.container():
        left, right = st.columns([3, 1], vertical_alignment="center")
        said = left.empty()
        # Any other run of the page ends this one, and with it the process.
        right.button("Cancel", key="library_export_cancel", width="stretch")
        trouble = st.container()

    def tell(what: str, seconds: float) -> None:
        said.caption(f"{plain(what)} … {seconds:.0f} s")

    with trouble:
        made = attempt(
            partial(export, checkpoint, kind, licence or None, tell, wait_teller(said)),
            "The export",
        )
    if made is not None:
        line.empty()
    else:
        said.empty()
    return made


def _offer(made: Export) -> None:
    st.download_button(
        f"Download {made.name}",
        data=made.data,
        file_name=made.name,
        mime="application/zip" if made.name.endswith(".zip") else "application/octet-stream",
        type="primary",
        on_click="ignore",
        key="library_take_export",
    )
    if made.notes:
        st.caption("Largest difference from PyTorch: " + "; ".join(map(plain, made.notes)) + ".")
