"""The Train page before a job: pictures in, a few choices, Start."""

import streamlit as st

from cut.errors import CutError
from cut.jobs import Jobs
from cut.web.training.draft import SIDES, Draft
from cut.web.training.plans import MODES, ON_A_PAIR
from cut.web.translating import placement
from cut.web.widgets.plain import sentence
from cut.web.widgets.train_settings import choose_settings
from cut.web.widgets.train_zones import pair_zones, set_zones

_INVITATIONS = {
    True: "Two pictures are enough: a painting, and a photo of something alike. "
    "You watch the painting turn into a photo, and stop when it is good.",
    False: "Two sets of pictures that need no pairs: the model learns to make one look like the "
    "other, and then translates new pictures.",
}


def start_view(jobs: Jobs, draft: Draft) -> None:
    """Draw the way to a new job. Once it is started the page goes on at its address."""
    st.title("Train", anchor=False)
    mode = st.segmented_control(
        "What to train on",
        list(MODES),
        format_func=lambda name: MODES[name],
        default=ON_A_PAIR,
        required=True,
        key="train_mode",
        label_visibility="collapsed",
        persist_state="session",
    )
    single = mode == ON_A_PAIR
    st.markdown(_INVITATIONS[single])
    if single:
        pair_zones(draft)
    else:
        set_zones(draft)
    st.divider()
    counts = [draft.zones[side].count for side in SIDES]
    request = choose_settings(mode, max(count.pictures if count else 0 for count in counts))
    ready = all(draft.uploads(side, single) for side in SIDES)
    if not single:
        ready = ready and not any(draft.zones[side].complaint for side in SIDES)
    pressed = st.button("Start training", type="primary", disabled=not ready, key="train_start")
    if not ready:
        wanted = "a painting and a photo" if single else "both sets"
        st.caption(f"Bring {wanted} first.")
    if pressed:
        draft.refusal = ""
        with st.spinner("Checking the pictures …"):
            job = draft.start(jobs, request)
        if job is not None:
            st.query_params["job"] = job.id
            st.rerun()
    if draft.refusal:
        st.error(sentence(draft.refusal))
    st.caption(placement().describe())
    _warm_up(jobs)


def _warm_up(jobs: Jobs) -> None:
    """Have a worker at hand, so that the first picture comes soon after Start.

    It takes about as long to be ready as a visitor to find two pictures, and leaves again if
    nothing comes.
    """
    try:
        jobs.ensure_worker(soon=True)
    except CutError as error:
        st.caption(sentence(str(error)))
