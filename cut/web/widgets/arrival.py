"""What came for the next run of a page, kept until one has taken it over."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import streamlit as st


@contextmanager
def arrival(key: str) -> Iterator[Any]:
    """Give what was left under `key` for this run, None if nothing; forget it after the block.

    A newer run of the page may end this one in the middle of reading a file, by an exception that
    is none of `Exception`: what came is then still there for the newer one.
    """
    try:
        yield st.session_state.get(key)
    except Exception:
        st.session_state.pop(key, None)  # or it would fail again and again
        raise
    st.session_state.pop(key, None)
