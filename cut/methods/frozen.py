"""Generators of other models that a method learns from, and that do not learn themselves."""

from cut.device import Placement
from cut.networks.generators import Generator


def frozen_generator(name: str, placement: Placement) -> Generator:
    """The generator of the model of that name or in that folder, at `placement`.

    Raises:
        CutError: there is no such model, or its weights do not fit.
    """
    from cut.checkpoints import find
    from cut.translate import Translator  # more than other methods need

    return Translator(find(name), placement).generator
