"""Chooses for one picture: in one piece, or in which bands, within the memory that may be used."""

import math

from cut.bands.describe import chain_of, turned_bytes
from cut.bands.plan import Plan, TooLittle, plan
from cut.device import Placement
from cut.errors import CutError
from cut.memory import VARIABLE, estimate_bytes, limits_to_try
from cut.networks.generators import Generator
from cut.networks.layers import MULTIPLE


def way_through(
    generator: Generator, placement: Placement, size: tuple[int, int], limit: int | None = None
) -> Plan | None:
    """The plan for a picture of `size` (width, height in px); None where one piece will do.

    It is for the padded picture, upright: bands lie across its longer side.

    Args:
        generator: on `placement`.
        placement: where it computes.
        size: any sides from 8 px.
        limit: bytes to use at most; None for what `cut.memory` says.

    Raises:
        CutError: the limit is too small (it says the least that would do), or the generator has a
            layer that is not known to `cut.bands.describe`.
    """
    limits = limits_to_try(placement, limit)
    if estimate_bytes(*size, generator.width, placement.dtype) <= limits[0]:
        return None
    short, long = sorted(side + -side % MULTIPLE for side in size)
    chain = chain_of(generator)
    beside = turned_bytes(generator) if size[0] > size[1] else 0
    found, least = None, 0
    for allowed in limits:
        try:
            found = plan(chain, short, long, placement.dtype.itemsize, allowed, beside)
        except TooLittle as error:
            least = error.least
        else:
            if not found.spilled:
                break
    if found is None:
        raise CutError(
            f"{size[0]} x {size[1]} px need at least {math.ceil(least / 1e6) / 1e3:.3f} GB of "
            f"memory and {limits[-1] / 1e9:.3f} GB may be used: allow more by {VARIABLE} "
            "(--memory-limit), or choose a smaller working size (--size)"
        )
    return found
