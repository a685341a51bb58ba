"""The application's pages and what frames each of them."""

from pathlib import Path

import streamlit as st

import cut.web.widgets
from cut.web.widgets.starting import start_engine

WIDGETS = Path(cut.web.widgets.__file__).parent

PAGES = [
    st.Page("translate.py", title="Translate", default=True),
    st.Page("patches.py", title="Patches"),
    st.Page("train.py", title="Train"),
    st.Page("library.py", title="Library"),
]

page = st.navigation(PAGES, position="top")
st.set_page_config(
    page_title=f"{page.title} · CUT",
    page_icon=str(WIDGETS / "icon.svg"),
    layout="wide",
    menu_items={"About": "Contrastive unpaired image-to-image translation, on this machine."},
)
st.html(WIDGETS / "page.css")
if page.url_path:  # Translate, the page without one, shows its controls and a picture meanwhile
    start_engine()
page.run()
