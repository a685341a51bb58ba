"""What came into a field, kept until the page has taken it over."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import streamlit as st


@contextmanager
def arrival(key: str) -> Iterator[Any]:
    """Give what a widget's callback left under `key`, None if nothing; forget it after the block.

    A newer run of the page may end this one in the middle of reading a file, by an exception that
    is none of `Exception`: what came is then still there for the newer one.
    """
    try:
        yield st.session_state.get(key)
    except Exception:
        st.session_state.pop(key, None)  # or it would fail again and again
        raise
    st.session_state.pop(key, None)
