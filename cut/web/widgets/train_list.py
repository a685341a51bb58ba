"""The list of earlier training jobs below the start view."""

import streamlit as st

from cut.errors import CutError
from cut.jobs import Job, Jobs
from cut.web.job_files import folder_of
from cut.web.training import words
from cut.web.training.listing import of_ids, shares_all
from cut.web.widgets.job_list import Row, ids_kept, job_list
from cut.web.widgets.plain import sentence

POLL_SECONDS = 5
MOST_ROWS = 50

_PICKED = "cut_job_picked"


def earlier_jobs(jobs: Jobs) -> None:
    """Draw the jobs, newest first; the list follows them while one of them is live."""
    st.subheader("Trainings", anchor=False)
    try:
        live = any(job.state.live for job in _listed(jobs))
    except CutError as error:
        st.warning(sentence(str(error)))
        return

    def watch() -> None:
        if picked := st.session_state.pop(_PICKED, None):
            st.query_params["job"] = picked
            st.rerun()
        if _draw(jobs) and not live:
            st.rerun()  # the browser has told of one meanwhile

    st.fragment(watch, run_every=POLL_SECONDS if live else None)()


def _listed(jobs: Jobs) -> list[Job]:
    return jobs.list() if shares_all() else of_ids(jobs, ids_kept())


def _draw(jobs: Jobs) -> bool:
    """Draw the list; whether one of its jobs is live."""
    everyones = shares_all()
    try:
        found = _listed(jobs)
        live = any(job.state.live for job in found)
        if live:
            jobs.ensure_worker()
        rows = [_row(jobs, job) for job in found[:MOST_ROWS]]
    except CutError as error:
        st.warning(sentence(str(error)))
        return False
    if not rows:
        st.caption("None yet. What you train is kept here, on this server.")
    elif not everyones:
        st.caption(
            "Those of this browser. The address of a training finds it anywhere: whoever has it "
            "may stop and delete it."
        )
    if rows or not everyones:
        job_list(
            rows,
            on_pick=lambda id: st.session_state.update({_PICKED: id}),
            known=None if everyones else ids_kept(),
        )
    if len(found) > MOST_ROWS:
        st.caption(f"And {len(found) - MOST_ROWS} older ones.")
    return live


def _row(jobs: Jobs, job: Job) -> Row:
    try:
        previews = jobs.previews(job.id)
    except CutError:  # deleted in this moment
        previews = []
    picture: str | None = None
    if previews:
        picture = f"{folder_of(job.id)}/{previews[-1].step}/thumbnail.jpg"
    elif job.method == "sincut":
        picture = f"{folder_of(job.id)}/source/thumbnail.jpg"
    step = f"{job.step:,} steps" if job.step else "no step yet"
    return Row(
        id=job.id,
        title=job.title,
        state=words.label(job),
        facts=f"{words.ago(job.created)}, {step}, {words.METHODS.get(job.method, job.method)}",
        live=job.state.live,
        picture=picture,
    )
