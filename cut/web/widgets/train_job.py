"""The Train page with a job: how it stands, its pictures and curves while they come."""

from collections.abc import Callable
from typing import Literal

import streamlit as st
from PIL import Image

from cut.errors import CutError
from cut.jobs import Job, Jobs, State
from cut.web.training import series, words
from cut.web.widgets.curves import curves
from cut.web.widgets.facts import fact_list
from cut.web.widgets.history import history
from cut.web.widgets.job_keeper import keep_job
from cut.web.widgets.plain import plain, sentence
from cut.web.widgets.train_result import result

POLL_SECONDS = 1.0

_MORE_MINUTES = (5, 10, 30, 60, 240)

_RESUME = {True: "Resume", False: "Put back in the queue"}
"""By whether the job ever started."""


def job_view(jobs: Jobs, job: Job) -> None:
    """Draw `job`, and keep what changes up to date for as long as it is live."""
    st.title(plain(job.title), anchor=False)
    _head(jobs, job)
    if not job.state.live:
        _standing(job)
        result(jobs, job)
        if job.step:
            st.subheader("How it learnt", anchor=False)

    def watch() -> None:
        now = _look(jobs, job)
        if job.state.live and not now.state.live:
            st.rerun()
        _draw(jobs, now)

    st.fragment(watch, run_every=POLL_SECONDS if job.state.live else None)()
    keep_job(job.id)


def _look(jobs: Jobs, job: Job) -> Job:
    """Return the job as it stands now, or as it was last seen where it cannot be read."""
    key = f"cut_job_{job.id}"
    try:
        now = jobs.get(job.id) if job.state.live else job
        if now.state in (State.QUEUED, State.INTERRUPTED):
            jobs.ensure_worker()
        st.session_state[key] = now
    except CutError as error:
        st.warning(sentence(str(error)))
        now = st.session_state.get(key, job)
    return now


def _draw(jobs: Jobs, job: Job) -> None:
    picture, facts = st.columns([7, 3], gap="medium")
    with facts:
        if job.state.live:
            _standing(job)
            if job.started:
                st.progress(words.progress(job))
        fact_list(words.facts(job))
        if job.device:
            st.caption(plain(job.device))
        if job.state.live:
            _offer_stop(jobs, job)
    try:
        with picture:
            _history(jobs, job)
        losses = series.LEDGER.read(jobs, job.id, job.step)
        panels = series.panels(losses, pair=job.method == "sincut")
    except CutError as error:
        st.warning(sentence(str(error)))
        return
    if panels:
        curves(panels)


def _history(jobs: Jobs, job: Job) -> None:
    previews = jobs.previews(job.id)
    size = source_size(jobs, job)
    if not previews and size is None:
        st.info("The first pictures appear here.")
        return
    history(job.id, previews, live=job.state.live, size=size, description=job.title)


def source_size(jobs: Jobs, job: Job) -> tuple[int, int] | None:
    """Return the width and height of the one picture that `job` is about, or None."""
    if job.method != "sincut":
        return None
    try:
        with Image.open(jobs.picture(job.id, "source")) as picture:
            return picture.size
    except (CutError, OSError):
        return None


def _standing(job: Job) -> None:
    message = sentence(job.message) if job.message else ""
    if job.state is State.FAILED:
        st.error(f"{words.standing(job)} {message}")
        return
    st.markdown(f"**{words.standing(job)}**")
    if message:
        st.caption(message)


def _offer_stop(jobs: Jobs, job: Job) -> None:
    stopping = job.state is State.STOPPING
    # What waits is not at work, whether it never was or is to go on.
    labels = {State.STOPPING: "Stopping …", State.QUEUED: "Take out of the queue"}
    label = labels.get(job.state, "Stop")
    kind: Literal["primary", "secondary"] = "secondary" if job.place else "primary"
    if st.button(label, disabled=stopping, type=kind, key="job_stop", width="stretch"):
        _act(lambda: jobs.stop(job.id))


def _head(jobs: Jobs, job: Job) -> None:
    """Draw what can be done with a job whatever it is doing."""
    trained = words.METHODS.get(job.method, job.method)
    pictures = f", {job.sources:,} and {job.targets:,} pictures" if job.method != "sincut" else ""
    changed = ", ".join(f"{name}={text}" for name, text in job.overrides.items())
    line = f"{trained}{pictures}; preset {job.preset}{f' with {changed}' if changed else ''}."
    st.caption(plain(line[0].upper() + line[1:]))
    with st.container(horizontal=True, key="job_actions"):
        if st.button("New training", key="job_new"):
            del st.query_params["job"]
            st.rerun()
        with st.popover("Rename", key="job_rename"), st.form("job_title", border=False):
            title = st.text_input("Title", value=job.title, max_chars=80)
            if st.form_submit_button("Rename"):
                _act(lambda: jobs.rename(job.id, title))
        if job.state in (State.STOPPED, State.DONE, State.FAILED):
            with st.popover(_RESUME[bool(job.started)], key="job_resume"):
                _resume(jobs, job)
        with st.popover("Delete", key="job_delete"):
            model = " The model stays in the library." if job.model else ""
            st.markdown(f"Delete this job, its pictures and its history?{model}")
            if st.button("Delete for good", key="job_delete_sure"):
                _act(lambda: jobs.delete(job.id), leave=True)


def _resume(jobs: Jobs, job: Job) -> None:
    minutes = st.select_slider(
        "Train on for" if job.step else "Train for",
        [*_MORE_MINUTES, None],
        value=10 if job.step else None,
        format_func=lambda choice: f"{choice} min" if choice else "as long as planned",
        key="job_more",
    )
    if st.button(_RESUME[bool(job.started)], type="primary", key="job_resume_now"):
        _act(lambda: jobs.resume(job.id, minutes))


def _act(change: Callable[[], object], leave: bool = False) -> None:
    """Change the job and draw the page anew, or say in a line why that cannot be."""
    try:
        change()
    except CutError as error:
        st.error(sentence(str(error)))
        return
    if leave:
        del st.query_params["job"]
    st.rerun()
