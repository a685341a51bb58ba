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


def register(name: str, *shared: str) -> ComponentRenderer:
    """Register the component that NAME.html, NAME.css and NAME.js in this folder are.

    Each of `shared` names files that go before: `<!-- SHARED -->` in NAME.html stands for its HTML.
    """
    css, js = ("\n".join(_read(part, kind) for part in (*shared, name)) for kind in ("css", "js"))
    html = _read(name, "html")
    for part in shared:
        html = html.replace(f"<!-- {part} -->", _read(part, "html"))
    return st.components.v2.component(f"cut_{name}", html=html, css=css, js=js)


def _read(name: str, kind: str) -> str:
    """Return NAME.KIND, empty if there is no such file: all of a component may be shared."""
    path = _FOLDER / f"{name}.{kind}"
    return path.read_text("utf-8") if path.is_file() else ""
