"""The way for a model into the library: uploaded, named, its terms stated."""

from functools import partial

import streamlit as st

from cut.errors import CutError
from cut.library.imports import Imported
from cut.web.library.receiving import KINDS, MOST_BYTES, proposed_name, receive
from cut.web.widgets.library_cards import open_model
from cut.web.widgets.library_told import attempt, tell_next
from cut.web.widgets.plain import plain, sentence

_ROUND = "cut_library_round"
_REFUSED = "cut_library_refused"
"""The files whose import failed, and why."""


def import_view() -> None:
    """Draw the upload field and, once there are files, what to call the model."""
    round = st.session_state.setdefault(_ROUND, 0)
    files = st.file_uploader(
        "A zip of a model's folder, or a published `*_net_G.pth` (with its `_F` and `_D`)",
        type=list(KINDS),
        accept_multiple_files=True,
        max_upload_size=MOST_BYTES // 10**6,
        key=f"library_files-{round}",
    )
    if not files:
        return
    try:
        proposed = proposed_name([file.name for file in files])
    except CutError as error:
        st.error(sentence(str(error)))
        return
    with st.form("library_import", border=False):
        name = st.text_input("Name", value=proposed, max_chars=64, key=f"library_name-{proposed}")
        terms = st.text_input(
            "Terms of the data that it was trained on",
            placeholder="as the model states them",
            help="Published files state none. What you write here stands on the card.",
            max_chars=600,
            key=f"library_terms-{round}",
        )
        wanted = st.form_submit_button("Import", type="primary")
    brought = [file.file_id for file in files]
    if not wanted:
        refused, line = st.session_state.get(_REFUSED, ([], ""))
        if refused == brought:  # something else on the page was pressed meanwhile
            st.error(line)
        return

    def refuse(line: str) -> None:
        st.session_state[_REFUSED] = brought, line
        st.error(line)

    uploads = [(file.name, file.getvalue()) for file in files]
    with st.spinner("Reading and checking the model …", show_time=True):
        act = partial(receive, uploads, name.strip(), terms)
        imported = attempt(act, "The import", refuse)
    if imported is not None:
        st.session_state[_ROUND] += 1  # an empty field
        tell_next(*told(imported))
        open_model(imported.checkpoint.name)


def told(imported: Imported) -> list[str]:
    """What to say of a model that has come in."""
    return [
        f"{plain(imported.checkpoint.name)} is in the library.",
        *(sentence(note) for note in imported.notes),
    ]
