"""The ways for a picture into the page: dropped or picked, photographed, or one of the examples."""

from functools import cache

import streamlit as st

from cut.checkpoints import Checkpoint, first_of
from cut.errors import CutError
from cut.web.examples import Example, examples
from cut.web.session import Session, Source, read_source
from cut.web.widgets.arrival import arrival
from cut.web.widgets.gallery import Item, gallery

_ARRIVED = "cut_arrived"  # set by a widget's callback: it holds something new


def intake(session: Session, suits: str = "") -> None:
    """Draw the upload field, the camera and the examples; keep in `session` what comes in.

    Who has brought nothing is greeted with the example that `suits` names, else with the first.
    """
    files = st.file_uploader(
        "Drop in a picture, or several",
        accept_multiple_files=True,
        key=f"upload-{session.round}",
        on_change=_arrive,
        args=("upload",),
    )
    shot = None
    if st.toggle("Use the camera", key="camera"):
        shot = st.camera_input(
            "Take a photo",
            key="shot",
            on_change=_arrive,
            args=("camera",),
            label_visibility="collapsed",
            resolution="1080p",
        )
    with arrival(_ARRIVED) as arrived:
        if arrived == "upload":
            _take_files(session, [(file.name, file.getvalue()) for file in files])
        elif arrived == "camera" and shot is not None:
            _take_shot(session, shot.getvalue())
    known = _example_sources()
    greeting = known.get(suits) or next(iter(known.values()), None)
    if greeting:
        session.greet(greeting)
    _draw_examples(session)


def suiting(session: Session, checkpoints: dict[str, Checkpoint]) -> str:
    """Return the key of the example that the checkpoint in use goes best with, if it says one."""
    chosen = checkpoints.get(session.checkpoint or "") or first_of(checkpoints.values())
    return chosen.example if chosen else ""


def example_source(key: str) -> Source:
    """Return the example picture called `key`. Raises CutError that lists the known keys."""
    known = _example_sources()
    if key not in known:
        keys = ", ".join(known) or "none"
        raise CutError(f"There is no example {key[:80]!r}; choose one of: {keys}.")
    return known[key]


def example_of(source: Source) -> Example | None:
    """Return the example that `source` is, or None."""
    return next((found for found in examples() if found.key == source.example), None)


def _arrive(way: str) -> None:
    st.session_state[_ARRIVED] = way


def _take_files(session: Session, files: list[tuple[str, bytes]]) -> None:
    if not files:
        session.clear()
        return
    with st.spinner("Reading the pictures …" if len(files) > 1 else "Reading the picture …"):
        session.take(files)


def _take_shot(session: Session, data: bytes) -> None:
    try:
        session.take_one(read_source(data, "photo.jpg"))
    except CutError as error:
        session.complain(error)


def _draw_examples(session: Session) -> None:
    known = _example_sources()
    if not known:
        return
    titles = {found.key: found.title for found in examples()}
    st.caption("Or try one of these:")
    gallery(
        "Example pictures",
        [Item(key, titles[key], source.thumbnail) for key, source in known.items()],
        chosen=session.source.example if session.source else None,
        on_pick=lambda key: session.take_one(known[key]),
        key="examples",
    )


@cache
def _example_sources() -> dict[str, Source]:
    """Return the examples by key, read once; one that cannot be read is left out."""
    found = {}
    for example in examples():
        try:
            data = example.path.read_bytes()
            found[example.key] = read_source(data, example.path.name, example=example.key)
        except (OSError, CutError):
            continue
    return found
