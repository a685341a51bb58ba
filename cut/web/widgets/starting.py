"""The wait for PyTorch, whose import takes seconds once a server."""

import streamlit as st

_started = False


def engine_started() -> bool:
    """Whether a page of this server has imported what translates, to its end."""
    return _started


def start_engine() -> None:
    """Import what translates, with a word to whoever waits for it."""
    global _started
    if not _started:
        with st.spinner("Starting …"):
            import cut.translate  # noqa: F401
        _started = True
