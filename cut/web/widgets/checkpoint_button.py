"""The button that downloads a checkpoint."""

from functools import partial
from typing import TYPE_CHECKING

import streamlit as st

from cut.web.training.takeaways import checkpoint_zip

if TYPE_CHECKING:
    from cut.checkpoints import Checkpoint


def checkpoint_button(label: str, checkpoint: "Checkpoint", key: str) -> None:
    """Draw the button `label`, which downloads the folder of `checkpoint` as a zip file."""
    st.download_button(
        label,
        data=partial(checkpoint_zip, checkpoint.name),
        file_name=f"{checkpoint.name}.zip",
        mime="application/zip",
        on_click="ignore",
        key=key,
    )
