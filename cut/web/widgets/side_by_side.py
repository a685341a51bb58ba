"""One picture through several checkpoints: large and aligned, each with time and download."""

import io
from collections.abc import Sequence
from functools import partial

import streamlit as st
from PIL import Image
from streamlit.delta_generator import DeltaGenerator

from cut.checkpoints import Checkpoint
from cut.errors import CutError
from cut.sheets import PictureTable
from cut.web.results import Result, jpeg_bytes, names
from cut.web.session import Session, Source
from cut.web.translating import Desk
from cut.web.widgets.aligned import State, aligned
from cut.web.widgets.gallery import Item, gallery
from cut.web.widgets.running import tell_trouble
from cut.web.widgets.stage import translate
from cut.web.working_size import Choice, describe

_TALL = 0.8
"""Width over height under which four pictures stand in one row, where others take two."""

_SHEET_CELL = 640
"""px, the longest side of a picture in the comparison that is taken home."""


def side_by_side(session: Session, checkpoints: Sequence[Checkpoint], choice: Choice) -> None:
    """Translate the picture that is looked at with each of `checkpoints`, one after the other.

    What one of them cannot do is told in its place, and the others go on.
    """
    source = session.source
    assert source is not None
    # Places are laid out first, so that nothing jumps while only a part of them is there.
    places = _places(len(checkpoints), source.width / source.height)
    controls, others = st.container(), st.container()
    desks = [Desk(session, checkpoint, choice) for checkpoint in checkpoints]
    found = [_find(desk, source) for desk in desks]
    missing = {}
    for checkpoint, place, result in zip(checkpoints, places, found, strict=True):
        if result is None:
            _show(place.picture, source, checkpoint, None, "waiting")
            place.facts.caption("Waits for its turn.")
    with controls:
        strength = _mix()
    for number, (checkpoint, place) in enumerate(zip(checkpoints, places, strict=True)):
        result, trouble = found[number], ""
        if result is None:
            result, trouble = _translate(source, desks[number], place.facts)
            found[number] = result
        if result is None:
            missing[checkpoint.name] = trouble
            _show(place.picture, source, checkpoint, None, "failed")
            with place.facts.container():
                tell_trouble(source, desks[number], trouble)
        else:
            _show(place.picture, source, checkpoint, result, "done", strength)
            _tell(place, source, checkpoint, result, strength)
    with controls:
        _take_all(source, checkpoints, found, missing, strength)
    if len(session.sources) > 1:
        with others:
            gallery(
                "Your pictures",
                [Item(one.digest, one.name, one.thumbnail) for one in session.sources],
                chosen=source.digest,
                on_pick=lambda digest: setattr(session, "shown", digest),
                key="pictures",
            )


class _Place:
    """Where one checkpoint's picture, what is told of it, and its download stand."""

    def __init__(self, column: DeltaGenerator) -> None:
        self.picture = column.empty()
        # One under the other: beside each other, long and short facts would part the buttons.
        self.facts, self.download = column.empty(), column.empty()


def _places(count: int, ratio: float) -> list[_Place]:
    """Return a place for each checkpoint: in one row, but four pictures that are wide in two."""
    abreast = 2 if count == 4 and ratio > _TALL else max(2, count)
    rows = [st.columns(abreast, gap="small") for _ in range(-(-count // abreast))]
    return [_Place(column) for row in rows for column in row][:count]


def _find(desk: Desk, source: Source) -> Result | None:
    try:
        return desk.find(source)
    except CutError:  # the weights are gone: translating will say so
        return None


def _translate(source: Source, desk: Desk, facts: DeltaGenerator) -> tuple[Result | None, str]:
    with facts.container():
        line = st.empty()
        with st.spinner("Translating …", show_time=True):
            return translate(source, desk, line)


def _show(
    place: DeltaGenerator,
    source: Source,
    checkpoint: Checkpoint,
    result: Result | None,
    state: State,
    strength: float = 1.0,
) -> None:
    with place:
        aligned(
            _name(checkpoint),
            source.preview,
            result.preview if result else b"",
            state=state,
            identity=str(result.path) if result else source.digest,
            group=source.digest,
            size=(source.width, source.height),
            strength=strength,
            description=source.name,
            key=f"aligned-{state}-{checkpoint.name}",
        )


def _name(checkpoint: Checkpoint) -> str:
    """Title and name: two checkpoints may have one title."""
    if checkpoint.title == checkpoint.name:
        return checkpoint.name
    return f"{checkpoint.title} ({checkpoint.name})"


def _tell(
    place: _Place, source: Source, checkpoint: Checkpoint, result: Result, strength: float
) -> None:
    """Say how a translation was made and offer its file."""
    facts = f"{describe(result.size, source.width, source.height)}, in {result.seconds:.1f} s."
    place.facts.caption(facts)
    place.download.download_button(
        "Download PNG",
        data=partial(result.png, source, strength),
        file_name=names([source.stem], checkpoint.name)[0],
        mime="image/png",
        on_click="ignore",
        key=f"download-{checkpoint.name}",
    )


def _mix() -> float:
    """Draw the strength that all translations are shown at. Returns it, in [0, 1]."""
    st.caption(
        "Drag a border to see the picture as it was. Plus, minus or two fingers zoom; then drag "
        "to look around. All pictures move as one."
    )
    percent: int = st.slider(
        "Strength", 0, 100, 100, 5, format="%d%%", key="strength", persist_state="session"
    )
    return percent / 100


def _take_all(
    source: Source,
    checkpoints: Sequence[Checkpoint],
    found: Sequence[Result | None],
    missing: dict[str, str],
    strength: float,
) -> None:
    """Offer all translations on one sheet, if there is any."""
    if any(found):
        st.download_button(
            "Download the comparison as one picture",
            data=partial(comparison_sheet, source, checkpoints, found, missing, strength),
            file_name=f"{source.stem}-compared.jpg",
            mime="image/jpeg",
            on_click="ignore",
            key="download_sheet",
        )


def comparison_sheet(
    source: Source,
    checkpoints: Sequence[Checkpoint],
    found: Sequence[Result | None],
    missing: dict[str, str],
    strength: float,
) -> bytes:
    """Return a JPEG file: the picture, and its translation by each checkpoint, under their names.

    `missing` says why there is no translation, by checkpoint. Raises CutError if one that was made
    is no longer on disk.
    """
    table = PictureTable(["Before"], _SHEET_CELL)
    cells: list[Image.Image | str] = [source.picture()]
    for checkpoint, result in zip(checkpoints, found, strict=True):
        table.columns.append(_name(checkpoint))
        if result is None:
            cells.append(missing[checkpoint.name])
        else:
            table.columns[-1] += f", {result.seconds:.1f} s"
            cells.append(Image.open(io.BytesIO(result.png(source, strength))))
    table.add("", cells)
    return jpeg_bytes(table.draw())
