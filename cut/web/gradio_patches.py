"""The page of the Gradio half about patches: a picture, a place, the figure and its numbers."""

from __future__ import annotations

from typing import Any

import gradio as gr

from cut.checkpoints import Checkpoint, available, first_of
from cut.patch_sizes import SIZES
from cut.web import api_patches, usage
from cut.web.api import one_line_errors, uploaded
from cut.web.gradio_parts import (
    ONE_AT_A_TIME,
    checkpoint_menu,
    device_line,
    endpoint,
    on_load,
    own_address,
    picture_field,
    show_examples,
)

INTRODUCTION = (
    "What the contrastive loss sees at one place of a picture: which patches of it the model takes "
    "for the same as the translation's patch there, as a figure and as numbers. "
    "<a href='/patches'>The application</a> shows it for every place under the pointer."
)


def page(checkpoints: list[Checkpoint]) -> None:
    """Draw the page, and offer /correspond to programs."""
    names = [checkpoint.name for checkpoint in checkpoints]
    gr.Navbar(main_page_name="All checkpoints")
    gr.HTML(f"<h1>Patches</h1><p class='summary'>{INTRODUCTION}</p>", padding=False)
    first = first_of(checkpoints)
    menu = checkpoint_menu(names, first.name if first else None)
    with gr.Row(equal_height=False):
        with gr.Column(scale=2):
            picture = picture_field()
            with gr.Row():
                x = gr.Number(None, label="x, pixels from the left", placeholder="the middle")
                y = gr.Number(None, label="y, pixels from the top", placeholder="the middle")
            gr.Markdown("A click on the picture fills in its place.", elem_classes="note")
            with gr.Row():
                layer = gr.Textbox(api_patches.ALL, label='Layer: its number, or "all"')
                sizes = [str(side) for side in SIZES]
                size = gr.Dropdown(sizes, value=sizes[0], label="Working size, px")
            button = gr.Button("Draw", variant="primary")
        with gr.Column(scale=3):
            figure = gr.Image(
                type="filepath", show_label=False, interactive=False, buttons=["download"]
            )
            with gr.Accordion("The numbers", open=False):
                numbers = gr.JSON(show_label=False)
    device = gr.Markdown(elem_classes="note")
    show_examples(picture)
    picture.select(_place, None, [x, y], queue=False, api_visibility="private")
    button.click(
        _draw,
        [picture, menu, x, y, layer, size],
        [figure, numbers, x, y],
        api_visibility="private",
        show_progress_on=figure,
        **ONE_AT_A_TIME,
    )
    _endpoint()
    with gr.Accordion("Use it from a program", open=False):
        text = gr.Markdown()

    def refresh(request: gr.Request) -> tuple[Any, ...]:
        now = available()
        first = first_of(now)
        name = first.name if first else None
        base, locked = own_address(request)
        program = usage.correspond_text(base, name or "NAME", password=locked)
        menu = gr.Dropdown(choices=[checkpoint.name for checkpoint in now], value=name)
        return menu, device_line(), program

    on_load(refresh, [menu, device, text])


def _place(event: gr.SelectData) -> tuple[int, int]:
    """The pixel of the picture that was clicked."""
    x, y = event.index
    return x, y


@one_line_errors
def _draw(image: Any, checkpoint: Any, x: Any, y: Any, layer: Any, size: Any) -> tuple[Any, ...]:
    """The page's own figure: of the middle where no place was chosen."""
    if x is None or y is None:
        from cut.pictures import read_picture

        path = uploaded(image)
        x, y = (side // 2 for side in read_picture(path, name=path.name).size)
    return *api_patches.report_file(image, checkpoint, x, y, layer, size), x, y


def _endpoint() -> None:
    inputs = [
        gr.Image(type="filepath", label="image", visible=False),
        gr.Textbox(label="checkpoint", visible=False),
        gr.Number(label="x", visible=False),
        gr.Number(label="y", visible=False),
        gr.Textbox(api_patches.ALL, label="layer", visible=False),
        gr.Textbox(str(SIZES[0]), label="size", visible=False),
    ]
    figure = gr.Image(type="filepath", format="png", label="figure", visible=False)
    report = gr.JSON(label="report", visible=False)
    endpoint(api_patches.correspond, inputs, [figure, report], "correspond")
