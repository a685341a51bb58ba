"""What is to know of something, as a list of names and values."""

import html
from collections.abc import Iterable

import streamlit as st


def fact_list(pairs: Iterable[tuple[str, str]]) -> None:
    """Draw pairs of a name and a value; both are shown as they are."""
    rows = "".join(f"<dt>{html.escape(a)}</dt><dd>{html.escape(b)}</dd>" for a, b in pairs)
    st.html(f'<dl class="cut-facts">{rows}</dl>')
