"""The page of the Gradio half that translates what the visitor's camera sees, frame by frame."""

from __future__ import annotations

import json
import math
from pathlib import Path

import gradio as gr

from cut.checkpoints import Checkpoint, available, is_number
from cut.web import live, usage
from cut.web.gradio_parts import device_line, on_load, own_address

INTRODUCTION = (
    "What your camera sees, through a model. Frames go to this server and nowhere else, and none "
    "is kept; where it cannot keep up, frames are left out rather than queued."
)


def page() -> None:
    """Draw the page; its frames travel over the websocket of `cut.web.live`."""
    gr.Navbar(main_page_name="All checkpoints")
    gr.HTML(f"<h1>Live</h1><p class='summary'>{INTRODUCTION}</p>", padding=False)
    gr.HTML(
        html_template=_file("html"),
        css_template=_file("css"),
        js_on_load=f"const SIZES = {json.dumps(live.SIZES)};\n{_file('js')}",
        server_functions=[live_checkpoints],
        padding=False,
    )
    device = gr.Markdown(elem_classes="note")
    with gr.Accordion("Use it from a program", open=False):
        text = gr.Markdown()

    def refresh(request: gr.Request) -> tuple[str, str]:
        known = live_checkpoints()
        base, locked = own_address(request)
        name = known[0]["name"] if known else "NAME"
        return device_line(), usage.live_text(base, name, password=locked)

    on_load(refresh, [device, text])


def live_checkpoints(_: object = None) -> list[dict[str, str]]:
    """The models to choose from, for the page's menu; Gradio hands over an argument in any case."""
    models = available()
    # The narrowest that comes along first, for the most frames a second.
    models.sort(key=lambda model: (not model.bundled, _width(model)))
    return [{"name": model.name, "title": model.title} for model in models]


def _width(model: Checkpoint) -> float:
    found = model.table("generator").get("ngf")
    return found if is_number(found) else math.inf


def _file(kind: str) -> str:
    return (Path(__file__).parent / f"live.{kind}").read_text("utf-8")
