"""Loss curves with a legend in plain words."""

from typing import Any

from cut.web.widgets.packing import register

_component = register("curves")


def curves(panels: list[dict[str, Any]], key: str = "curves") -> None:
    """Draw `panels`, as `cut.web.training.series.panels` returns them."""
    _component(data={"panels": panels}, key=key)
