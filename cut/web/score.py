"""How well a checkpoint does, in the one line that every page tells."""

from typing import Any

from cut.evaluation import METRICS


def score_line(values: dict[str, Any] | None) -> str:
    """The score with its interval, beside what the untouched pictures score; empty without one."""
    if not values or values.get("value") is None:
        return ""
    line = f"{METRICS.get(values['metric'], values['metric'])} {values['value']:#.3g}"
    if values.get("interval"):
        low, high = values["interval"]
        line += f" ({low:#.3g} to {high:#.3g})"
    if values.get("doing_nothing") is not None:
        line += f"; doing nothing scores {values['doing_nothing']:#.3g}"
    return f"{line}, lower is better"
