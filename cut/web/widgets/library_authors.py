"""The authors' published models: chosen by name, downloaded while one watches or goes elsewhere."""

from functools import partial

import streamlit as st

from cut.library.authors import (
    AuthorsModel,
    archive_url,
    authors_models,
    came_so_far,
    forget_partial,
)
from cut.web.library.fetching import FETCHER, Fetch
from cut.web.widgets.library_import import told
from cut.web.widgets.library_told import attempt
from cut.web.widgets.plain import plain, sentence

POLL_SECONDS = 0.5

_WATCHED = "cut_library_fetch"


def busy() -> bool:
    """Whether there is a download to look at, or was one that this visitor watched."""
    running = FETCHER.last is not None and FETCHER.last.running
    return running or _WATCHED in st.session_state


def authors_view(taken: set[str]) -> None:
    """Draw the choice among the authors' models and the download; `taken` are names in use."""
    if FETCHER.last is not None and FETCHER.last.running:
        st.session_state[_WATCHED] = FETCHER.last
        st.fragment(partial(_watch, FETCHER.last), run_every=POLL_SECONDS)()
        return
    watched = st.session_state.get(_WATCHED)
    if watched is not None:
        _tell_end(watched, taken)
    models = {name: model for name, model in authors_models().items() if name not in taken}
    if not models:
        st.caption("All six are in the library.")
        return
    name = st.selectbox(
        "Model", list(models), format_func=lambda name: models[name].title, key="library_authors"
    )
    _describe(models[name])
    with st.container(horizontal=True):
        wanted = st.button("Download", key="library_download")
        came, whole = came_so_far()
        if came and not whole and st.button("Delete what has come", key="library_forget"):
            forget_partial()
            st.rerun()
    if wanted and attempt(partial(FETCHER.start, name), "The download") is not None:
        st.rerun()
    if whole:
        st.caption("Their archive is on this server already: no network is needed.")
    elif came:
        st.caption(f"{came / 1e6:,.1f} MB have come: the download goes on from there.")


def _describe(model: AuthorsModel) -> None:
    st.markdown(f"{plain(model.summary)} Terms: {plain(model.terms)}.")
    st.caption(
        f"All six come in one archive, from {plain(archive_url())}: over http, and without a "
        "checksum. What can be verified of it is verified."
    )


def _watch(fetch: Fetch) -> None:
    """Draw how far the download is; at its end, the page anew."""
    if not fetch.running:
        st.rerun()
    st.markdown(f"**{plain(fetch.name)}**")
    st.caption(plain(fetch.doing))
    megabytes = f"{fetch.came / 1e6:,.1f} MB" if fetch.came else "Waiting for their server …"
    if fetch.total:
        megabytes = f"{fetch.came / 1e6:,.1f} of {fetch.total / 1e6:,.1f} MB"
    st.progress(min(1.0, fetch.came / fetch.total) if fetch.total else 0.0, text=megabytes)
    st.caption("You can leave this page: the download goes on, and is found here again.")
    st.button(
        "Cancelling …" if fetch.cancelled else "Cancel",
        disabled=fetch.cancelled,
        on_click=fetch.cancel,
        key="library_fetch_cancel",
    )


def _tell_end(fetch: Fetch, taken: set[str]) -> None:
    """Say how the download that this visitor watched ended, until there is another."""
    if fetch.cancelled and fetch.done is None:
        st.info(f"The download of {plain(fetch.name)} was cancelled.")
    elif fetch.done is None:
        st.error(sentence(fetch.trouble))
    elif fetch.name in taken:  # and was not removed meanwhile
        verified = [plain(f"{line[:1].upper()}{line[1:]}.") for line in fetch.done.verified]
        st.success("\n\n".join(told(fetch.done.imported)))
        st.caption("\n\n".join(verified))
