"""The pages of the Gradio half: an index with every checkpoint, and one page for each."""

from __future__ import annotations

import html
import inspect
import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gradio as gr
from gradio.routes import INTERNAL_ROUTES

from cut.pictures import fit_within
from cut.web import api, usage, working_size
from cut.web.examples import examples
from cut.web.models import MAX_WAITING

if TYPE_CHECKING:
    from cut.checkpoints import Checkpoint

TAKEN_NAMES = {*INTERNAL_ROUTES, "translate", "checkpoints"}
"""Names that Gradio or the general endpoints use; such a checkpoint has no page of its own."""

INTRODUCTION = (
    "Every checkpoint of this server has a page to share and an endpoint for programs: over plain "
    "HTTP, from Python, and as an MCP tool. <a href='/'>The application</a> can do more."
)
ONE_AT_A_TIME: dict[str, Any] = {"concurrency_id": "translate", "concurrency_limit": 1}
PREVIEW_SIDE = 1600
CSS = (Path(__file__).parent / "gradio.css").read_text("utf-8")
FONT = ["system-ui", "-apple-system", "Segoe UI", "Roboto", "sans-serif"]
MONO = ["ui-monospace", "SFMono-Regular", "Menlo", "Consolas", "monospace"]


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
    from cut.checkpoints import available

    checkpoints = available()
    with OneLineBlocks(title="CUT", analytics_enabled=False, delete_cache=(600, 3600)) as blocks:
        _index(checkpoints)
    for checkpoint in checkpoints:
        if checkpoint.name not in TAKEN_NAMES:
            with blocks.route(checkpoint.title, checkpoint.name):
                _page(checkpoint)
    blocks.queue(max_size=MAX_WAITING, api_open=False)
    # Only Blocks.launch() sets this; without it Gradio takes any path of the machine for an upload.
    blocks.has_launched = True
    return blocks


def _index(checkpoints: list[Checkpoint]) -> None:
    gr.Navbar(main_page_name="All checkpoints")
    gr.HTML(f"<h1>CUT</h1><p class='summary'>{INTRODUCTION}</p>", padding=False)
    paged = {c.name for c in checkpoints if c.name not in TAKEN_NAMES}
    cards = gr.HTML(_cards(checkpoints, paged), padding=False)
    first = checkpoints[0].name if checkpoints else None
    menu, device = _translator([c.name for c in checkpoints], first)
    _endpoint(api.translate, "translate")
    with gr.Accordion("Use it from a program", open=False):
        text = gr.Markdown()
    gr.api(api.list_checkpoints, api_name="checkpoints")

    def refresh(request: gr.Request) -> tuple[Any, ...]:
        from cut.checkpoints import available

        now = available()
        names = [c.name for c in now]
        asked = request.query_params.get("checkpoint")
        chosen = asked if asked in names else (names[0] if names else None)
        choice = gr.Dropdown(choices=names, value=chosen)
        program = _usage(request, "translate", chosen or "NAME")
        return _cards(now, paged), choice, _device_line(), program

    _on_load(refresh, [cards, menu, device, text])


def _page(checkpoint: Checkpoint) -> None:
    gr.Navbar(main_page_name="All checkpoints")
    gr.HTML(
        f"<h1>{html.escape(checkpoint.title)}</h1>"
        f"<p class='summary'>{html.escape(checkpoint.summary)}</p>{_score(checkpoint)}",
        padding=False,
    )
    _, device = _translator(None, checkpoint.name)
    _endpoint(api.endpoint_for(checkpoint.name, checkpoint.title), checkpoint.name)
    if checkpoint.card:
        with gr.Accordion("Model card: data, terms, scores, limits", open=False):
            gr.Markdown(_without_pictures(checkpoint.card))
    with gr.Accordion("Use it from a program", open=False):
        text = gr.Markdown()

    def refresh(request: gr.Request) -> tuple[str, str]:
        return _device_line(), _usage(request, checkpoint.name)

    _on_load(refresh, [device, text])


def _endpoint(function: api.Endpoint, api_name: str) -> None:
    """Offer `function` to programs as /api_name, through components that no page shows.

    The checks are the function's own: Gradio would print a trace for a number that is none, decode
    the picture first (and it knows neither HEIC nor 16 bits), and tell MCP clients that only the
    checkpoints and sizes of a menu exist.
    """
    parts: dict[str, gr.components.Component] = {
        "image": gr.Image(type="filepath", label="image", visible=False),
        "checkpoint": gr.Textbox(label="checkpoint", visible=False),
        "size": gr.Textbox("auto", label="size", visible=False),
        "strength": gr.Number(1.0, label="strength", visible=False),
    }
    inputs = [parts[name] for name in inspect.signature(function).parameters]
    for component in inputs:
        component.preprocess = _as_it_came  # type: ignore[method-assign]
    result = gr.Image(type="filepath", format="png", label="result", visible=False)
    gr.Button(visible=False).click(function, inputs, result, api_name=api_name, **ONE_AT_A_TIME)


def _translator(names: list[str] | None, chosen: str | None) -> tuple[gr.Dropdown, gr.Markdown]:
    """What people use: picture and settings, before and after, download.

    With `names` the checkpoint is chosen from a menu, else it is `chosen`. Returns that menu and
    the line for the device.
    """
    menu = gr.Dropdown(
        names or ([chosen] if chosen else []),
        value=chosen,
        label="Checkpoint",
        visible=names is not None,
        allow_custom_value=True,  # those that came later are looked up when they are used
    )
    with gr.Row(equal_height=False):
        with gr.Column():
            picture = gr.Image(
                type="filepath", label="Picture", sources=["upload", "webcam", "clipboard"]
            )
            picture.preprocess = _as_it_came  # type: ignore[method-assign]
            with gr.Row():
                size = gr.Dropdown(
                    [(working_size.label(c), str(c)) for c in working_size.CHOICES],
                    value="auto",
                    label="Working size",
                )
                strength = gr.Slider(0, 1, value=1, step=0.05, label="Strength")
            button = gr.Button("Translate", variant="primary")
        with gr.Column():
            compared = gr.ImageSlider(label="Before and after", interactive=False, buttons=[])
            note = gr.Markdown(elem_classes="note")
            download = gr.DownloadButton("Download the PNG", interactive=False)
    device = gr.Markdown(elem_classes="note")
    _examples(picture)
    button.click(
        _show,
        [picture, menu, size, strength],
        [compared, note, download],
        api_visibility="private",
        show_progress_on=compared,
        **ONE_AT_A_TIME,
    )
    return menu, device


@api.one_line_errors
def _show(image: Any, checkpoint: str, size: str, strength: float) -> tuple[Any, ...]:
    """The page's own translation: both pictures as a browser can show them, and the download."""
    done = api.translate_file(image, checkpoint, size, strength)
    before = fit_within(done.before, PREVIEW_SIDE)
    after = fit_within(done.after, PREVIEW_SIDE)
    return (before, after), done.note, gr.DownloadButton(value=done.path, interactive=True)


def _examples(picture: gr.Image) -> None:
    shown = [example for example in examples() if example.path.is_file()]
    if shown:
        paths = [str(example.path) for example in shown]
        gr.Examples(paths, picture, cache_examples=False, api_visibility="private")
        credits = "; ".join(f"{e.title}, {e.credit} ({e.licence})" for e in shown)
        gr.Markdown(f"Examples: {credits}.", elem_classes="credits")


def _on_load(function: Callable[..., Any], outputs: list[Any]) -> None:
    blocks = gr.context.Context.root_block
    assert blocks is not None
    blocks.load(
        function, None, outputs, queue=False, api_visibility="private", show_progress="hidden"
    )


def _as_it_came(payload: Any) -> Any:
    """In the place of a component's `preprocess`: the path of an upload, any other value as is."""
    return getattr(payload, "path", payload)


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
    score = checkpoint.score
    if not score:
        return ""
    told = f"{score['metric']} {score['value']:.3f}"
    if score.get("doing_nothing") is not None:
        told += f" (doing nothing: {score['doing_nothing']:.3f}; lower is better)"
    return f"<p class='score'>{html.escape(told)}</p>"


def _without_pictures(card: str) -> str:
    """The text of a model card; its pictures are relative to a folder that is not served."""
    return "\n".join(line for line in card.splitlines() if not line.lstrip().startswith("!["))


def _device_line() -> str:
    from cut.device import choose

    return choose().describe()


def _usage(request: gr.Request, endpoint: str, checkpoint: str | None = None) -> str:
    """How a program calls `endpoint`, at the address under which the visitor sees this server."""
    url = request.request.url  # type: ignore[union-attr]
    base = f"{url.scheme}://{url.netloc}/gradio"
    locked = bool(os.environ.get("CUT_PASSWORD"))
    return usage.text(base, endpoint, checkpoint, password=locked)
