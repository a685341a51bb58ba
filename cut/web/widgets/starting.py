"""The wait for PyTorch, whose import takes seconds once a server."""

import sys

import streamlit as st

_ENGINE = "cut.translate"


def engine_started() -> bool:
    """Whether this server has imported what translates."""
    return _ENGINE in sys.modules


def start_engine() -> None:
    """Import what translates, with a word to whoever waits for it."""
    if engine_started():
        return
    with st.spinner("Starting …"):
        import cut.translate  # noqa: F401
