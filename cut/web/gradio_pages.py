"""The pages of the Gradio half: an index with every checkpoint, and one page for each."""

from __future__ import annotations

import html
import logging
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.routes import INTERNAL_ROUTES

from cut.checkpoints import Checkpoint, available, first_of
from cut.pictures import fit_within
from cut.web import api, gradio_jobs, gradio_live, gradio_patches, usage, working_size
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
from cut.web.model_card import shown_text
from cut.web.models import MAX_WAITING
from cut.web.score import score_line

TAKEN_NAMES = {
    *INTERNAL_ROUTES,
    *("translate", "checkpoints", "correspond", "live"),
    *("train", "train_start", "train_watch", "train_stop", "train_fetch"),
}
"""Names that Gradio or the general endpoints use; such a checkpoint has no page of its own."""

INTRODUCTION = (
    "Every checkpoint that was here when the server started has a page to share and an endpoint "
    "for programs: over plain HTTP, from Python, and as an MCP tool. Those added since are in the "
    "menu below. <a href='/'>The application</a> can do more."
)
PREVIEW_SIDE = 1600
PROGRESS = gr.Progress()
CANCELLED = "Cancelled."
CSS = (Path(__file__).parent / "gradio.css").read_text("utf-8")
FONT = ["system-ui", "-apple-system", "Segoe UI", "Roboto", "sans-serif"]
MONO = ["ui-monospace", "SFMono-Regular", "Menlo", "Consolas", "monospace"]
QUEUE_PACE = 0.02
"""Seconds between two looks at the queue: an event waits so long at most for its turn."""

log = logging.getLogger(__name__)


def theme() -> gr.themes.Base:
    """Colours of the Streamlit half, and the fonts that a machine has: none is fetched."""
    base = gr.themes.Default(primary_hue="teal", neutral_hue="slate", font=FONT, font_mono=MONO)
    return base.set(
        button_primary_background_fill="*primary_700",
        button_primary_background_fill_hover="*primary_600",
        slider_color="*primary_700",
    )


class OneLineBlocks(gr.Blocks):
    """Blocks whose callers are told one line of what is wrong with a request, and not a trace."""

    async def process_api(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        try:
            return await super().process_api(*args, **kwargs)
        except gr.Error:
            raise
        except Exception as error:
            text = " ".join(str(error).split())[:200]
            log.warning("Refused a request: %s", text)
            message = f"The request does not fit this endpoint: {text}"
            raise gr.Error(message, print_exception=False) from None


def build() -> gr.Blocks:
    """Return one Blocks, hence one queue, with all pages and endpoints.

    Files of requests are deleted after an hour.
    """
    checkpoints = available()
    with OneLineBlocks(title="CUT", analytics_enabled=False, delete_cache=(600, 3600)) as blocks:
        _index(checkpoints)
    with blocks.route("Patches", "correspond"):
        gradio_patches.page(checkpoints)
    with blocks.route("Live", "live"):
        gradio_live.page()
    with blocks.route("Train", "train"):
        gradio_jobs.page()
    for checkpoint in checkpoints:
        if checkpoint.name not in TAKEN_NAMES:
            with blocks.route(checkpoint.title, checkpoint.name):
                _page(checkpoint)
    blocks.queue(max_size=MAX_WAITING, api_open=False)
    # By themselves its two loops wake a thousand times a second each, for good, and interrupt
    # whatever is computed in this process.
    blocks._queue.sleep_when_free = blocks._queue.progress_update_sleep_when_free = QUEUE_PACE
    # Only Blocks.launch() sets this; without it Gradio takes any path of the machine for an upload.
    blocks.has_launched = True
    return blocks


def _index(checkpoints: list[Checkpoint]) -> None:
    gr.Navbar(main_page_name="All checkpoints")
    gr.HTML(f"<h1>CUT</h1><p class='summary'>{INTRODUCTION}</p>", padding=False)
    paged = {c.name for c in checkpoints if c.name not in TAKEN_NAMES}
    cards = gr.HTML(_cards(checkpoints, paged), padding=False)
    first = first_of(checkpoints)
    menu, device = _translator([c.name for c in checkpoints], first.name if first else None)
    _translate_endpoint(api.translate, "translate", general=True)
    with gr.Accordion("Use it from a program", open=False):
        text = gr.Markdown()
    gr.api(api.list_checkpoints, api_name="checkpoints")

    def refresh(request: gr.Request) -> tuple[Any, ...]:
        now = available()
        names = [c.name for c in now]
        asked = request.query_params.get("checkpoint")
        first = first_of(now)
        chosen = asked if asked in names else (first.name if first else None)
        choice = gr.Dropdown(choices=names, value=chosen)
        base, locked = own_address(request)
        program = usage.text(base, "translate", chosen or "NAME", password=locked)
        return _cards(now, paged), choice, device_line(), program

    on_load(refresh, [cards, menu, device, text])


def _page(checkpoint: Checkpoint) -> None:
    gr.Navbar(main_page_name="All checkpoints")
    gr.HTML(
        f"<h1>{html.escape(checkpoint.title)}</h1>"
        f"<p class='summary'>{html.escape(checkpoint.summary)}</p>{_score(checkpoint)}",
        padding=False,
    )
    _, device = _translator(None, checkpoint.name)
    function = api.endpoint_for(checkpoint.name, checkpoint.title)
    _translate_endpoint(function, checkpoint.name, general=False)
    card = shown_text(checkpoint.card)
    if card:
        with gr.Accordion("Model card: data, terms, scores, limits", open=False):
            gr.Markdown(card)
    with gr.Accordion("Use it from a program", open=False):
        text = gr.Markdown()

    def refresh(request: gr.Request) -> tuple[str, str]:
        base, locked = own_address(request)
        return device_line(), usage.text(base, checkpoint.name, password=locked)

    on_load(refresh, [device, text])


def _translate_endpoint(function: api.Endpoint, api_name: str, general: bool) -> None:
    """Offer `function`, which takes the name of a checkpoint if it is the `general` one."""
    image = gr.Image(type="filepath", label="image", visible=False)
    named = [gr.Textbox(label="checkpoint", visible=False)] if general else []
    size = gr.Textbox("auto", label="size", visible=False)
    strength = gr.Number(1.0, label="strength", visible=False)
    result = gr.Image(type="filepath", format="png", label="result", visible=False)
    endpoint(function, [image, *named, size, strength], [result], api_name)


def _translator(names: list[str] | None, chosen: str | None) -> tuple[gr.Dropdown, gr.Markdown]:
    """What people use: picture and settings, before and after, download.

    With `names` the checkpoint is chosen from a menu, else it is `chosen`. Returns that menu and
    the line for the device.
    """
    menu = checkpoint_menu(names or ([chosen] if chosen else []), chosen, visible=names is not None)
    with gr.Row(equal_height=False):
        with gr.Column():
            picture = picture_field()
            with gr.Row():
                size = gr.Dropdown(
                    [(working_size.label(c), str(c)) for c in working_size.CHOICES],
                    value="auto",
                    label="Working size",
                )
                strength = gr.Slider(0, 1, value=1, step=0.05, label="Strength")
            with gr.Row():
                button = gr.Button("Translate", variant="primary", scale=3)
                cancel = gr.Button("Cancel", interactive=False, min_width=90)
        with gr.Column():
            compared = gr.ImageSlider(label="Before and after", interactive=False, buttons=[])
            note = gr.Markdown(elem_classes="note")
            download = gr.DownloadButton("Download the PNG", interactive=False)
    device = gr.Markdown(elem_classes="note")
    show_examples(picture)
    shown: dict[str, Any] = {"api_visibility": "private", "show_progress_on": compared}
    at_once: dict[str, Any] = {
        "api_visibility": "private",
        "queue": False,
        "show_progress": "hidden",
    }
    begun = button.click(lambda: gr.Button(interactive=True), None, cancel, **at_once)
    asked, answer = [picture, menu, size, strength], [compared, note, download]
    run = begun.then(_show, asked, answer, **shown, **ONE_AT_A_TIME)
    run.then(lambda: gr.Button(interactive=False), None, cancel, **at_once)
    cancel.click(None, cancels=[run])
    cancel.click(lambda: (gr.Button(interactive=False), CANCELLED), None, [cancel, note], **at_once)
    return menu, device


@api.one_line_errors
def _show(
    image: Any, checkpoint: str, size: str, strength: float, progress: gr.Progress = PROGRESS
) -> tuple[Any, ...]:
    """The page's own translation: both pictures as a browser can show them, and the download.

    `progress` is only declared: without it Gradio would send no request's progress.
    """
    done = api.translate_file(image, checkpoint, size, strength)
    before = fit_within(done.before, PREVIEW_SIDE)
    after = fit_within(done.after, PREVIEW_SIDE)
    return (before, after), done.note, gr.DownloadButton(value=done.path, interactive=True)


def _cards(checkpoints: list[Checkpoint], paged: set[str]) -> str:
    """Links to the pages of those in `paged`, and to the index for those that came later."""
    if not checkpoints:
        return "<p class='summary'>There is no checkpoint yet: train one, or import one.</p>"
    return f"<div class='cards'>{''.join(_card(c, c.name in paged) for c in checkpoints)}</div>"


def _card(checkpoint: Checkpoint, has_page: bool) -> str:
    name = html.escape(checkpoint.name, quote=True)
    target = name if has_page else f"?checkpoint={name}"
    return (
        f"<a class='card' href='{target}'><b>{html.escape(checkpoint.title)}</b>"
        f"<code>{name}</code><span>{html.escape(checkpoint.summary)}</span></a>"
    )


def _score(checkpoint: Checkpoint) -> str:
    line = score_line(checkpoint.score)
    return f"<p class='score'>{html.escape(line)}</p>" if line else ""
