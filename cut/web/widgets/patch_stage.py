"""The patch view in the middle of its page: computed, drawn, compared, and ready to take home."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import streamlit as st

from cut.errors import CutError
from cut.web.patch_session import PatchSession
from cut.web.patch_store import Entry, begin, complete, find
from cut.web.session import Source
from cut.web.widgets.compare import waiting
from cut.web.widgets.intake import example_of
from cut.web.widgets.patch_view import patch_view
from cut.web.widgets.plain import plain
from cut.web.widgets.running import wait_teller

if TYPE_CHECKING:
    from cut.checkpoints import Checkpoint
    from cut.correspondence import Correspondence
    from cut.figures import Format

log = logging.getLogger(__name__)

KEY = "patch_view"
FIGURES: dict["Format", str] = {
    "png": "image/png",
    "svg": "image/svg+xml",
    "pdf": "application/pdf",
}


@dataclass(frozen=True)
class Subject:
    """What is looked at: a picture, with one checkpoint or with two."""

    source: Source
    checkpoints: list["Checkpoint"]
    size: int


def stage(subject: Subject, state: PatchSession) -> None:
    """Compute what is not kept, draw it, and offer it for download. Raises CutError."""
    place = st.empty()
    number = state.look.layer
    found = [find(subject.source, one, subject.size, number) for one in subject.checkpoints]
    if None in found:
        with place.container():
            source = subject.source
            waiting(source.preview, size=(source.width, source.height), description=source.name)
            found = [
                entry or _begin(subject, checkpoint, number)
                for entry, checkpoint in zip(found, subject.checkpoints, strict=True)
            ]
        place.empty()
    entries = [entry for entry in found if entry]
    first = entries[0]
    state.fit(first.view)
    if first.first(number).alike and all(layer.alike for layer in first.view.layers):
        raise CutError(
            f"{subject.source.name}: all patches of this picture look the same to "
            f"{first.view.checkpoint}, so there is nothing to compare; choose a picture with more "
            "in it."
        )
    _draw(subject.source, entries, state)
    _tell(subject, [entry.view for entry in entries])
    _offer(subject.source, first.view, state)


def _begin(subject: Subject, checkpoint: "Checkpoint", number: int | None) -> Entry:
    source = subject.source
    on_wait = wait_teller(st.empty())
    looking = f"Looking at {plain(source.name)} with {plain(checkpoint.name)} …"
    with st.spinner(looking), _one_line(source):
        return begin(source, checkpoint, subject.size, number, on_wait)


@contextmanager
def _one_line(source: Source) -> Iterator[None]:
    """Whatever goes wrong with embedding `source` is told in a line."""
    try:
        yield
    except CutError:
        raise
    except Exception as error:
        log.exception("embedding a picture failed")
        raise CutError(
            f"{source.name} could not be looked at; the server's log says why."
        ) from error


def _draw(source: Source, entries: list[Entry], state: PatchSession) -> None:
    titles = [entry.view.checkpoint for entry in entries] if len(entries) > 1 else [None]
    opening = state.opening(
        "/".join(entry.identity for entry in entries), mounted=KEY in st.session_state
    )
    layer = opening["layer"]
    for i, (entry, title) in enumerate(zip(entries, titles, strict=True)):
        if i == 0:
            data = entry.message(layer, title=title, opening=opening)
            patch_view(data, key=KEY, on_look=state.report)
        else:
            patch_view(entry.message(layer, title=title), key=f"{KEY}_{i}")
    on_wait = wait_teller(st.empty())
    for i, entry in enumerate(entries):
        with _one_line(source):
            complete(entry, on_wait)
        patch_view(entry.others(layer), key=f"{KEY}_layers_{i}")
    if state.look.negatives == "all":
        for i, entry in enumerate(entries):
            with st.spinner("Setting every patch against every other …"):
                data = entry.maps()
            patch_view(data, key=f"{KEY}_maps_{i}")


def _tell(subject: Subject, views: list["Correspondence"]) -> None:
    """Say what is particular about the models and the picture."""
    for view in views:
        named = f"{view.checkpoint}: " if len(views) > 1 else ""
        if view.notes:
            st.info(plain(named + " ".join(view.notes)))
    lines = []
    example = example_of(subject.source)
    if example is not None:
        credit = f"{example.title}, {example.credit} ({example.licence})"
        lines.append(f"Example: {plain(credit)}.")
    width, height = views[0].working.size
    lines.append(
        f"Seen at {width} × {height}. Point, or tap; arrow keys move the place; a click holds it, "
        "to compare it with a second one."
    )
    st.caption("  \n".join(lines))


def _offer(source: Source, view: "Correspondence", state: PatchSession) -> None:
    """Draw the downloads: the figure of the place that is held, or of the middle; the arrays."""
    width, height = view.picture_size
    held = bool(state.look.pins)
    x, y = (state.look.pins[0].x, state.look.pins[0].y) if held else (width // 2, height // 2)
    where = f"place A ({x}, {y})" if held else "the middle (hold a place to draw that one)"
    st.markdown(f"**Take it away**: the figure of {where}, or all the numbers.")
    columns = st.columns(len(FIGURES) + 1)
    for column, (kind, mime) in zip(columns, FIGURES.items(), strict=False):
        column.download_button(
            f"Figure, {kind.upper()}",
            data=partial(_figure, view, x, y, kind),
            file_name=f"{source.stem}-{view.checkpoint}-{x}-{y}.{kind}",
            mime=mime,
            on_click="ignore",
            width="stretch",
            key=f"patches_{kind}",
        )
    columns[-1].download_button(
        "Arrays, npz",
        data=view.to_npz_bytes,
        file_name=f"{source.stem}-{view.checkpoint}.npz",
        mime="application/octet-stream",
        on_click="ignore",
        width="stretch",
        key="patches_npz",
    )


def _figure(view: "Correspondence", x: int, y: int, kind: "Format") -> bytes:
    """The file of the figure for the pixel `x`, `y` of the picture."""
    from cut.figures import correspondence_figure, figure_bytes  # matplotlib takes a while

    return figure_bytes(correspondence_figure(view, x, y), kind)
