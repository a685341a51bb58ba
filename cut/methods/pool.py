"""Earlier translations, which a discriminator is shown besides new ones (CycleGAN, section 4)."""

from collections.abc import Callable

import torch
from torch import Tensor


class ImagePool:
    """Up to `size` earlier translations of one side (Shrivastava et al. 2017).

    A discriminator that sees the generator's history, not its latest output alone, makes training
    swing less. Size 0 hands back every batch as it is.
    """

    def __init__(self, size: int):
        self.size = size
        self.pictures: list[Tensor] = []

    def exchange(self, batch: Tensor, draw: Callable[[int, int], int | None]) -> Tensor:
        """What to show for a batch of new translations, B x 3 x H x W: each, or an earlier one.

        As long as the pool fills up, new ones are kept and shown. Afterwards `draw(i, size)` says
        which of the kept ones the i-th takes the place of, and that one is shown; None shows the
        new one, which is not kept.
        """
        shown = []
        for i, picture in enumerate(batch.detach().split(1)):
            if len(self.pictures) < self.size:
                self.pictures.append(picture.clone())
                shown.append(picture)
                continue
            place = draw(i, self.size) if self.size else None
            if place is None:
                shown.append(picture)
            else:
                shown.append(self.pictures[place])
                self.pictures[place] = picture.clone()
        return torch.cat(shown)
