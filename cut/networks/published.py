"""What the generators share that read their own architecture off a published state dict."""

from collections.abc import Mapping

from torch import Tensor


def check_fits(state: Mapping[str, Tensor], expected: Mapping[str, Tensor], kind: str) -> None:
    """Refuse a state dict whose keys or shapes are not those that are `expected` of this `kind`.

    Raises:
        ValueError: the first key that is missing, too many, or of another shape.
    """
    wrong = [k for k, value in expected.items() if k not in state or state[k].shape != value.shape]
    unfit = wrong + [key for key in state if key not in expected]
    if unfit:
        raise ValueError(f"{unfit[0]} does not fit a {kind} generator")
