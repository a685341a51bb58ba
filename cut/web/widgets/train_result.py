"""What a job that has ended gives: the picture at full size, and everything to take along."""

from functools import partial
from typing import TYPE_CHECKING

import streamlit as st

from cut.checkpoints import find
from cut.errors import CutError
from cut.jobs import Job, Jobs
from cut.web import session as visitor
from cut.web.results import Result, names
from cut.web.session import Source, read_source
from cut.web.training.takeaways import animation
from cut.web.translating import Desk
from cut.web.widgets.checkpoint_button import checkpoint_button
from cut.web.widgets.compare import compare, waiting
from cut.web.widgets.running import tell_trouble
from cut.web.widgets.stage import translate
from cut.web.working_size import Choice, describe

if TYPE_CHECKING:
    from cut.checkpoints import Checkpoint

TRANSLATE, PATCHES = "translate.py", "patches.py"

_LEFT = "cut_left_job"  # by the checkpoint that was taken to another page


def result(jobs: Jobs, job: Job) -> None:
    """Draw the translation that the job's model makes, and the ways to take things along."""
    checkpoint, source = _model(job.model), _source(jobs, job)
    if checkpoint is None:
        if job.step:
            st.info(
                "Its model is not in the library: it was removed there, or none was saved. "
                "Resume makes one again."
            )
        return
    made = _translation(checkpoint, source) if source else None
    with st.container(horizontal=True, key="job_take"):
        if source and made:
            st.download_button(
                "Picture (PNG)",
                data=partial(made.png, source),
                file_name=names([source.stem], checkpoint.name)[0],
                mime="image/png",
                type="primary",
                on_click="ignore",
                key="take_picture",
            )
        st.download_button(
            "Animation (WebP)",
            data=partial(animation, jobs, job.id),
            file_name=f"{checkpoint.name}.webp",
            mime="image/webp",
            on_click="ignore",
            key="take_animation",
        )
        checkpoint_button("Checkpoint (zip)", checkpoint, "take_checkpoint")
        if st.button("Use on Translate", key="use_translate"):
            _go(TRANSLATE, job, checkpoint, source)
        # Without patch heads there is nothing to compare patches by.
        if checkpoint.has_patch_heads and st.button("Open in Patches", key="use_patches"):
            _go(PATCHES, job, checkpoint, source)
    back = _model(job.model_back)
    if back is not None:
        st.caption("The way back, from set B to set A:")
        with st.container(horizontal=True, key="job_take_back"):
            checkpoint_button("Checkpoint (zip)", back, "take_checkpoint_back")
            if st.button("Use on Translate", key="use_translate_back"):
                _go(TRANSLATE, job, back, None)


def _model(name: str | None) -> "Checkpoint | None":
    if not name:
        return None
    try:
        return find(name)
    except CutError:  # removed from the library meanwhile
        return None


def _source(jobs: Jobs, job: Job) -> Source | None:
    """Return the picture that the job is about, decoded once a visit."""
    if job.method != "sincut":
        return None
    key = f"cut_source_{job.id}"
    if key not in st.session_state:
        try:
            data = jobs.picture(job.id, "source").read_bytes()
            st.session_state[key] = read_source(data, f"{job.title}.png")
        except (CutError, OSError):
            return None
    source: Source = st.session_state[key]
    return source


def _translation(checkpoint: "Checkpoint", source: Source) -> Result | None:
    """Draw the source and its translation at full size, which is made on the first look."""
    desk = Desk(visitor.current(), checkpoint, _working_size(checkpoint, source))
    picture, facts = st.empty(), st.empty()
    made, trouble = desk.find(source), ""
    size = (source.width, source.height)
    if made is None:
        with picture:
            waiting(source.preview, size=size, description=source.name)
        with facts.container():
            line = st.empty()
            with st.spinner("Translating the picture at full size …", show_time=True):
                made, trouble = translate(source, desk, line)
    if made is None:
        with facts.container():
            tell_trouble(source, desk, trouble)
        return None
    facts.caption(f"{describe(made.size, source.width, source.height)}.")
    with picture:
        compare(
            source.preview,
            made.preview,
            identity=str(made.path),
            size=size,
            description=source.name,
            key="job_compare",
        )
    return made


def _working_size(checkpoint: "Checkpoint", source: Source) -> Choice:
    """Return the size that the pictures during training were translated at."""
    trained = checkpoint.trained_side
    return trained if trained and trained < min(source.width, source.height) else "native"


def left_with(checkpoint: str | None) -> str | None:
    """Return the id of the job that this visitor left for another page with `checkpoint`.

    Streamlit enters the other page's query into the browser's history under the path of this page
    first: Back leads to that entry, which does not name the job.
    """
    left: dict[str, str] = st.session_state.get(_LEFT, {})
    return left.get(checkpoint) if checkpoint else None


def _go(page: str, job: Job, checkpoint: "Checkpoint", source: Source | None) -> None:
    """Open another page with the job's checkpoint, and with its picture."""
    st.session_state.setdefault(_LEFT, {})[checkpoint.name] = job.id
    session = visitor.current()
    session.checkpoint = checkpoint.name
    if source is not None:
        session.take_one(source)
    st.switch_page(page, query_params={"checkpoint": checkpoint.name})
