"""The picture in the middle of the page: translated, compared, mixed, and ready to download."""

import logging
from functools import partial
from typing import TYPE_CHECKING

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from cut.errors import CutError
from cut.web.results import Result, names, zip_bytes
from cut.web.session import Session, Source
from cut.web.translating import Desk
from cut.web.widgets.compare import compare, waiting
from cut.web.widgets.gallery import Item, gallery
from cut.web.widgets.intake import example_of
from cut.web.widgets.plain import plain
from cut.web.widgets.running import show_progress, tell_trouble, wait_teller
from cut.web.widgets.starting import engine_started, start_engine
from cut.web.working_size import describe

if TYPE_CHECKING:
    from cut.checkpoints import Checkpoint

log = logging.getLogger(__name__)


def stage(session: Session, checkpoint: "Checkpoint", desk: Desk) -> None:
    """Translate the picture that is looked at, then the others, and offer them for download."""
    source = session.source
    assert source is not None
    # Places are laid out first, so that nothing jumps while only a part of them is there.
    picture, facts, controls, others = st.empty(), st.empty(), st.container(), st.container()
    result, trouble = (desk.find(source) if engine_started() else None), ""
    if result is None:
        with picture:
            waiting(source.preview, size=(source.width, source.height), description=source.name)
        with facts.container():
            start_engine()
            line = st.empty()
            with st.spinner(f"Translating {plain(source.name)} …", show_time=True):
                result, trouble = translate(source, desk, line)
    strength = 1.0
    if result is None:
        with facts.container():
            tell_trouble(source, desk, trouble)
    else:
        with controls:
            strength = _mix_and_take(source, checkpoint, result)
        with picture:
            _compare(source, result, strength)
        with facts.container():
            _tell_facts(source, result)
    if len(session.sources) > 1:
        with others:
            _translate_others(session, desk)
            _offer_all(session, checkpoint, desk, strength)


def translate(source: Source, desk: Desk, line: DeltaGenerator) -> tuple[Result | None, str]:
    """Translate `source`, telling on `line` of a wait. Returns it, or None and the reason."""
    try:
        progress = show_progress(source, desk, line)
        result = desk.translate(source, on_wait=wait_teller(line), progress=progress)
        line.empty()
        return result, ""
    except CutError as error:
        reason = str(error)
    except Exception:
        log.exception("the translation of a picture failed")
        reason = "The translation failed unexpectedly; the server's log says why."
    return None, plain(reason if source.name in reason else f"{source.name}: {reason}")


def _mix_and_take(source: Source, checkpoint: "Checkpoint", result: Result) -> float:
    """Draw strength and download side by side. Returns the strength, in [0, 1]."""
    mixing, taking = st.columns([3, 2], gap="medium", vertical_alignment="bottom")
    percent: int = mixing.slider(
        "Strength", 0, 100, 100, 5, format="%d%%", key="strength", persist_state="session"
    )
    taking.download_button(
        "Download PNG",
        data=partial(result.png, source, percent / 100),
        file_name=names([source.stem], checkpoint.name)[0],
        mime="image/png",
        type="primary",
        on_click="ignore",
        width="stretch",
        key="download",
    )
    return percent / 100


def _compare(source: Source, result: Result, strength: float) -> None:
    compare(
        source.preview,
        result.preview,
        identity=str(result.path),
        size=(source.width, source.height),
        strength=strength,
        description=source.name,
    )


def _tell_facts(source: Source, result: Result) -> None:
    size = describe(result.size, source.width, source.height)
    lines = [f"{size}, in {result.seconds:.1f} s."]
    example = example_of(source)
    if example is not None:
        credit = f"{example.title}, {example.credit} ({example.licence})."
        lines.insert(0, f"Example: {plain(credit)}")
    st.caption("  \n".join(lines))


def _translate_others(session: Session, desk: Desk) -> None:
    """Translate every picture but the one that is looked at, which is done."""
    others = [source for source in session.sources if source is not session.source]
    bar, line, count = st.empty(), st.empty(), len(session.sources)
    for number, source in enumerate(others, start=2):
        if desk.find(source) is None:
            text = f"Translating {number} of {count}: {plain(source.name)}"
            bar.progress((number - 1) / count, text=text)
            _, trouble = translate(source, desk, line)
            if trouble:
                tell_trouble(source, desk, trouble)
    bar.empty()


def _offer_all(session: Session, checkpoint: "Checkpoint", desk: Desk, strength: float) -> None:
    """Draw the pictures to choose among, and the zip file of all that were translated."""
    found = [(source, desk.find(source)) for source in session.sources]
    done = [(source, result) for source, result in found if result is not None]
    gallery(
        "Your pictures",
        [
            Item(source.digest, source.name, result.thumbnail if result else source.thumbnail)
            for source, result in found
        ],
        chosen=session.shown,
        on_pick=lambda digest: setattr(session, "shown", digest),
        key="pictures",
    )
    if done:
        st.download_button(
            f"Download all {len(done)} as a zip file",
            data=partial(zip_bytes, done, checkpoint.name, strength),
            file_name=f"translations-{checkpoint.name}.zip",
            mime="application/zip",
            on_click="ignore",
            key="download_all",
        )
