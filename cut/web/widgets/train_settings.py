"""What is chosen before training: a plan, a few plain settings, and the paper's under Advanced."""

from contextlib import suppress

import streamlit as st

from cut.config import preset, with_overrides
from cut.errors import CutError
from cut.jobs import LIMITS, Request
from cut.web.training.helps import HELPS
from cut.web.training.plans import (
    DETAIL,
    MINUTES,
    ON_A_PAIR,
    SET_METHODS,
    STRUCTURE,
    Plan,
    advanced_fields,
    minutes_label,
    overrides,
    plans,
    structure_weights,
)

_COLUMNS = 3


def choose_settings(mode: str, pictures: int) -> Request:
    """Draw the choices and return what they ask for; `pictures` are in the larger set."""
    method = "sincut" if mode == ON_A_PAIR else _choose_method()
    plan = _choose_plan(method)
    settings = preset(method, plan.preset)
    time, detail, structure = st.columns(3, gap="medium")
    minutes: float | None = time.select_slider(
        "Training time",
        MINUTES,
        value=plan.minutes,
        format_func=minutes_label,
        key=f"train_minutes_{method}_{plan.key}",
        persist_state="session",
        help="Training ends then, and can be resumed. It can be stopped at any moment before.",
    )
    finer = "crops at the picture's own scale" if method == "sincut" else "larger pictures"
    chosen_detail: str = detail.select_slider(
        "Detail",
        DETAIL,
        value="Balanced",
        key=f"train_detail_{method}",
        persist_state="session",
        help=f"Fine learns from {finer}: finer texture, and more time until the whole looks right.",
    )
    chosen_structure: str = structure.select_slider(
        "Keep the structure",
        list(STRUCTURE),
        value="Balanced",
        key="train_structure",
        persist_state="session",
        help="How much a place of the translation must stay what it was: the paper's "
        f"{' and '.join(structure_weights(settings))}. More if shapes dissolve, less if it still "
        f"looks {'painted' if method == 'sincut' else 'like set A'}.",
    )
    changed = overrides(settings, chosen_detail, chosen_structure, _advanced(method, plan))
    if method != "sincut" and not {"steps", "epochs"} & set(changed):
        with suppress(CutError):  # what is wrong is told when it is asked for
            settings = with_overrides(settings, changed)
        whole = settings.total_steps(pictures)
        if whole > LIMITS.steps:
            # The rate still falls to zero at the end of what is left.
            changed["steps"] = str(LIMITS.steps)
            st.caption(
                f"For {pictures:,} pictures the schedule would have {whole:,} steps; "
                f"it is shortened to the {LIMITS.steps:,} that this server takes."
            )
    return Request(method, plan.preset, minutes=minutes, overrides=changed)


def _choose_method() -> str:
    method: str = st.radio(
        "Method",
        list(SET_METHODS),
        format_func=lambda name: SET_METHODS[name].split(":")[0],
        captions=[words.split(": ")[1] for words in SET_METHODS.values()],
        key="train_method",
        persist_state="session",
    )
    return method


def _choose_plan(method: str) -> Plan:
    known = {plan.key: plan for plan in plans(method)}
    key: str = st.radio(
        "How to train",
        list(known),
        format_func=lambda name: known[name].label,
        captions=[plan.gives for plan in known.values()],
        key=f"train_plan_{method}",
        persist_state="session",
    )
    return known[key]


def _advanced(method: str, plan: Plan) -> dict[str, str]:
    """Draw a field for every setting of the preset; return the texts by the settings' names."""
    names = advanced_fields(preset(method, plan.preset))
    texts = {}
    with st.expander("Advanced"):
        st.caption(
            "Every setting by the name that `--set` takes on the command line. An empty field "
            "keeps what stands in it in grey; a filled one goes before the sliders above."
        )
        columns = st.columns(_COLUMNS)
        for place, (name, value) in enumerate(names.items()):
            texts[name] = columns[place * _COLUMNS // len(names)].text_input(
                name,
                placeholder=value,
                help=HELPS[name],
                key=f"train_set_{method}_{plan.key}_{name}",
                persist_state="session",
            )
    return {name: text or "" for name, text in texts.items()}
