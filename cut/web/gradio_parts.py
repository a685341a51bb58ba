"""What the pages of the Gradio half are made of."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import gradio as gr

from cut.web.examples import examples

ONE_AT_A_TIME: dict[str, Any] = {"concurrency_id": "translate", "concurrency_limit": 1}


def endpoint(
    function: Callable[..., Any],
    inputs: Sequence[gr.components.Component],
    outputs: Sequence[gr.components.Component],
    api_name: str,
    line: Mapping[str, Any] = ONE_AT_A_TIME,
) -> None:
    """Offer `function` to programs as /api_name, through components that no page shows.

    The checks are the function's own: Gradio would print a trace for a number that is none, decode
    the picture first (and it knows neither HEIC nor 16 bits), and tell MCP clients that only the
    checkpoints and sizes of a menu exist.
    """
    for component in inputs:
        component.preprocess = as_it_came  # type: ignore[method-assign]
    button = gr.Button(visible=False)
    button.click(function, list(inputs), list(outputs), api_name=api_name, **line)


def picture_field() -> gr.Image:
    """The field that a picture is brought to; functions get the path of its file."""
    picture = gr.Image(type="filepath", label="Picture", sources=["upload", "webcam", "clipboard"])
    picture.preprocess = as_it_came  # type: ignore[method-assign]
    return picture


def checkpoint_menu(names: list[str], chosen: str | None, visible: bool = True) -> gr.Dropdown:
    """The choice of checkpoint."""
    return gr.Dropdown(
        names,
        value=chosen,
        label="Checkpoint",
        visible=visible,
        allow_custom_value=True,  # those that came later are looked up when they are used
    )


def show_examples(picture: gr.Image) -> None:
    """Offer the example pictures for `picture`, and name whom to thank."""
    shown = [example for example in examples() if example.path.is_file()]
    if shown:
        paths = [str(example.path) for example in shown]
        gr.Examples(paths, picture, cache_examples=False, api_visibility="private")
        credits = "; ".join(f"{e.title}, {e.credit} ({e.licence})" for e in shown)
        gr.Markdown(f"Examples: {credits}.", elem_classes="credits")


def on_load(function: Callable[..., Any], outputs: list[Any]) -> None:
    """Fill `outputs` with what `function` returns whenever the page is opened."""
    blocks = gr.context.Context.root_block
    assert blocks is not None
    blocks.load(
        function, None, outputs, queue=False, api_visibility="private", show_progress="hidden"
    )


def as_it_came(payload: Any) -> Any:
    """In the place of a component's `preprocess`: the path of an upload, any other value as is."""
    return getattr(payload, "path", payload)


def device_line() -> str:
    """Where the server computes, for people."""
    from cut.device import choose

    return choose().describe()


def own_address(request: gr.Request) -> tuple[str, bool]:
    """The address under which the visitor sees the Gradio half, and whether it has a password."""
    url = request.request.url  # type: ignore[union-attr]
    return f"{url.scheme}://{url.netloc}/gradio", bool(os.environ.get("CUT_PASSWORD"))
