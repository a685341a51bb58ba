"""CycleGAN a second time, independent of `cut`: plain, and in the order the authors compute.

It shares no code with the product and none of its shortcuts: every translation is a pass of its
own, real and fake pass through a discriminator apart, one Adam holds both generators and another
both discriminators, the pool is a list. Networks are those of `tests.published_flow`, in float64.
"""

import itertools

import torch
from torch import Tensor

from tests.published_flow import PublishedFlow, Weights


class PublishedCycleGan:
    """The weights of G_A, G_B, D_A and D_B, and the published training step.

    Args:
        weights: published state dicts by network; copied.
        identity: lambda_identity.
        pool_size: earlier translations kept a side.
    """

    def __init__(self, weights: dict[str, Weights], identity: float, pool_size: int):
        self.A, self.B = (
            PublishedFlow({"G": weights[f"G_{side}"], "D": weights[f"D_{side}"]}) for side in "AB"
        )
        self.identity, self.pool_size = identity, pool_size
        self.pool: dict[str, list[Tensor]] = {"A": [], "B": []}
        self.adam = {
            kind: torch.optim.Adam(
                itertools.chain(self.A.weights[kind].values(), self.B.weights[kind].values()),
                lr=2e-4,
                betas=(0.5, 0.999),
            )
            for kind in "GD"
        }

    def weights(self, name: str) -> Weights:
        """Of G_A, G_B, D_A or D_B."""
        flow = self.A if name.endswith("A") else self.B
        return flow.weights[name[0]]

    def step(
        self, A: Tensor, B: Tensor, draws: dict[str, list[int | None]], cycle: float = 10.0
    ) -> dict[str, float]:
        """One step; `draws` says, by side and picture, which pooled one is shown in its place."""
        A, B = A.double(), B.double()
        fake_B, fake_A = self.A.generator(A), self.B.generator(B)
        rec_A, rec_B = self.B.generator(fake_B), self.A.generator(fake_A)
        losses = {}
        if self.identity > 0:
            losses["idt_A"] = (self.A.generator(B) - B).abs().mean() * cycle * self.identity
            losses["idt_B"] = (self.B.generator(A) - A).abs().mean() * cycle * self.identity
        self._learn("D", False)
        losses["G_A"] = ((self.A.discriminator(fake_B) - 1) ** 2).mean()
        losses["G_B"] = ((self.B.discriminator(fake_A) - 1) ** 2).mean()
        losses["cycle_A"] = (rec_A - A).abs().mean() * cycle
        losses["cycle_B"] = (rec_B - B).abs().mean() * cycle
        losses["G"] = sum(losses.values(), torch.zeros(()))
        self.adam["G"].zero_grad()
        losses["G"].backward()
        self.adam["G"].step()

        self._learn("D", True)
        self.adam["D"].zero_grad()
        for side, flow, fake, real in (("A", self.A, fake_B, B), ("B", self.B, fake_A, A)):
            shown = self.query(side, fake.detach(), draws[side])
            on_real, on_fake = flow.discriminator(real), flow.discriminator(shown)
            losses[f"D_{side}"] = (((on_real - 1) ** 2).mean() + (on_fake**2).mean()) * 0.5
            losses[f"D_{side}"].backward()
        self.adam["D"].step()
        return {name: loss.item() for name, loss in losses.items()}

    def query(self, side: str, fake: Tensor, draws: list[int | None]) -> Tensor:
        """What a discriminator is shown: kept and new pictures change places as `draws` says."""
        kept, shown = self.pool[side], []
        for i in range(len(fake)):
            new = fake[i : i + 1]
            if len(kept) < self.pool_size:
                kept.append(new)
                shown.append(new)
            elif draws[i] is None:
                shown.append(new)
            else:
                shown.append(kept[draws[i]].clone())
                kept[draws[i]] = new
        return torch.cat(shown)

    def _learn(self, kind: str, learning: bool) -> None:
        for flow in (self.A, self.B):
            for value in flow.weights[kind].values():
                value.requires_grad_(learning)
