"""How pictures travel to our components: as one run of bytes, since nested ones become text."""

import json
import struct
from pathlib import Path
from typing import Any

import streamlit as st
from streamlit.components.v2.types import ComponentRenderer

_FOLDER = Path(__file__).parent


def pack(header: dict[str, Any], files: list[bytes]) -> bytes:
    """Return the header's length (u32, little-endian), `header` as JSON, and the `files`."""
    text = json.dumps(header).encode()
    return b"".join((struct.pack("<I", len(text)), text, *files))


def unpack_header(data: bytes) -> dict[str, Any]:
    """Return the header that `pack` wrote."""
    (length,) = struct.unpack_from("<I", data)
    header: dict[str, Any] = json.loads(data[4 : 4 + length])
    return header


def register(name: str) -> ComponentRenderer:
    """Register the component that NAME.html, NAME.css and NAME.js in this folder are."""
    html, css, js = (
        (_FOLDER / f"{name}.{kind}").read_text("utf-8") for kind in ("html", "css", "js")
    )
    return st.components.v2.component(f"cut_{name}", html=html, css=css, js=js)
