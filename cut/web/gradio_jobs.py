"""The page of the Gradio half about training: start a job, watch it, stop it, take its model."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import gradio as gr

from cut.config import PRESETS, quickest
from cut.web import api_jobs, usage
from cut.web.api import one_line_errors
from cut.web.gradio_parts import as_it_came, device_line, endpoint, on_load, own_address

INTRODUCTION = (
    "Train a model from a painting and a photo, or from two zips of pictures; it trains in a "
    "process of its own, and goes on when this page is closed. "
    "<a href='/train'>The application</a> shows more of it: the history, curves, an animation."
)

# Lines of their own: those who train keep no one from translating. Watchers sleep in the event
# loop, so many may watch at once; starting and fetching hold whole files in memory.
STARTING: dict[str, Any] = {"concurrency_id": "train_start", "concurrency_limit": 1}
WATCHING: dict[str, Any] = {"concurrency_id": "train_watch", "concurrency_limit": 64}
STOPPING: dict[str, Any] = {"concurrency_id": "train_stop", "concurrency_limit": 4}
FETCHING: dict[str, Any] = {"concurrency_id": "train_fetch", "concurrency_limit": 1}

KINDS = [
    ("One painting, one photo", "sincut"),
    ("Two sets (CUT)", "cut"),
    ("FastCUT", "fastcut"),
    ("CycleGAN", "cyclegan"),
]


def page() -> None:
    """Draw the page, and offer the four endpoints to programs."""
    gr.Navbar(main_page_name="All checkpoints")
    gr.HTML(f"<h1>Train</h1><p class='summary'>{INTRODUCTION}</p>", padding=False)
    with gr.Row(equal_height=False):
        with gr.Column(scale=2):
            fields, start = _form()
        with gr.Column(scale=3):
            job = gr.Textbox(label="Job", info="Its id: keep it to come back.")
            with gr.Row():
                watch, stop, fetch = gr.Button("Watch"), gr.Button("Stop"), gr.Button("Checkpoint")
            line = gr.Markdown(elem_classes="note")
            picture = gr.Image(
                type="filepath", show_label=False, interactive=False, buttons=["download"]
            )
            download = gr.File(label="The checkpoint, a zip", interactive=False, visible=False)
            with gr.Accordion("The numbers", open=False):
                numbers = gr.JSON(show_label=False)
    device = gr.Markdown(elem_classes="note")
    shown = [line, numbers, picture]
    private: dict[str, Any] = {"api_visibility": "private"}
    started = start.click(_start, fields, [job, line, numbers], **private, **STARTING)
    follow: dict[str, Any] = {"show_progress": "hidden"} | private | WATCHING
    started.success(_watch, job, shown, **follow)
    watch.click(_watch, job, shown, **follow)
    stop.click(_stop, job, [line, numbers], **private, **STOPPING)
    fetch.click(_fetch, job, [numbers, download], **private, **FETCHING)
    _endpoints()
    with gr.Accordion("Use it from a program", open=False):
        text = gr.Markdown()

    def refresh(request: gr.Request) -> tuple[Any, ...]:
        base, locked = own_address(request)
        asked = request.query_params.get("job") or ""
        return asked, device_line(), usage.train_text(base, password=locked)

    on_load(refresh, [job, device, text])


def _form() -> tuple[list[Any], gr.Button]:
    """What a job is started from, in the order of `train_start`, and the button."""
    labels = "Source: a painting, or a zip", "Target: a photo, or a zip"
    files = [gr.File(label=label, type="filepath", height=130) for label in labels]
    for file in files:
        file.preprocess = as_it_came  # type: ignore[method-assign]
    method = gr.Dropdown(KINDS, value=api_jobs.METHOD, label="From")
    with gr.Row():
        preset = gr.Dropdown(
            _presets(api_jobs.METHOD),
            value=quickest(api_jobs.METHOD),
            label="Preset",
            min_width=120,
        )
        minutes = gr.Number(
            api_jobs.MINUTES, label="Minutes", placeholder="whole schedule", min_width=120
        )
    title = gr.Textbox(label="Title", placeholder="made from the names of the files")
    overrides = gr.Textbox(api_jobs.OVERRIDES, label="Other settings, as JSON")
    # Later versions may know more; names are looked up when they are used.
    for menu in (method, preset):
        menu.preprocess = as_it_came  # type: ignore[method-assign]
    method.change(_menu, method, preset, queue=False, api_visibility="private")
    return [*files, method, preset, minutes, title, overrides], gr.Button(
        "Start", variant="primary"
    )


def _presets(method: str) -> list[str]:
    return list(PRESETS[method])


def _menu(method: str) -> gr.Dropdown:
    return gr.Dropdown(_presets(method), value=quickest(method), label="Preset", min_width=120)


@one_line_errors
def _start(*arguments: Any) -> tuple[str, str, dict[str, Any]]:
    told = api_jobs.start_job(*arguments)
    return told["id"], _line(told), told


@api_jobs.one_line_stream
async def _watch(job: Any) -> AsyncIterator[tuple[Any, ...]]:
    kept = None  # the picture of another job goes, that of this one stays until there is a newer
    async for told, picture in api_jobs.watch_job(job):
        yield _line(told), told, picture or kept
        kept = gr.skip()


@one_line_errors
def _stop(job: Any) -> tuple[str, dict[str, Any]]:
    told = api_jobs.stop_job(job)
    return _line(told), told


@one_line_errors
def _fetch(job: Any) -> tuple[dict[str, Any], gr.File]:
    told, path = api_jobs.fetch_job(job)
    return told, gr.File(value=path, visible=True)


def _line(told: dict[str, Any]) -> str:
    """How a job stands, for people."""
    place = f", number {told['place']} in the queue" if told["place"] else ""
    left = told["seconds_left"]
    time = f", {left / 60:.0f} min left" if left else ""
    message = f". {told['message']}" if told["message"] else ""
    return f"**{told['state']}**{place}: step {told['step']:,} of {told['total']:,}{time}{message}"


def _endpoints() -> None:
    inputs: list[gr.components.Component] = [
        gr.File(label="source", type="filepath", visible=False),
        gr.File(label="target", type="filepath", visible=False),
        gr.Textbox(api_jobs.METHOD, label="method", visible=False),
        gr.Textbox(api_jobs.PRESET, label="preset", visible=False),
        gr.Number(api_jobs.MINUTES, label="minutes", visible=False),
        gr.Textbox("", label="title", visible=False),
        gr.Textbox(api_jobs.OVERRIDES, label="overrides", visible=False),
    ]
    endpoint(api_jobs.train_start, inputs, [_told()], "train_start", STARTING)
    picture = gr.Image(type="filepath", label="picture", visible=False)
    seconds = gr.Number(0, label="seconds", visible=False)
    watched = [_told(), picture]
    endpoint(api_jobs.train_watch, [_job(), seconds], watched, "train_watch", WATCHING)
    endpoint(api_jobs.train_stop, [_job()], [_told()], "train_stop", STOPPING)
    checkpoint = gr.File(label="checkpoint", visible=False)
    endpoint(api_jobs.train_fetch, [_job()], [_told(), checkpoint], "train_fetch", FETCHING)


def _job() -> gr.Textbox:
    return gr.Textbox(label="job", visible=False)


def _told() -> gr.JSON:
    return gr.JSON(label="told", visible=False)
