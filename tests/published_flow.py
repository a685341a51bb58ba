"""CUT and FastCUT a second time, independent of `cut`: slow, plain, and as the authors compute.

It shares no code with the product and none of its shortcuts: keys are encoded anew, real and fake
pass through the discriminator apart, the contrastive rows hold the positive beside a diagonal of
-10, doubling is a transposed convolution. Weights are dicts of tensors under published names, so
the precision is that of the tensors: in float64 it is what the product is measured against.
"""

from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

Weights = dict[str, Tensor]
Norm = Callable[[Tensor], Tensor]


def norm_by_definition(x: Tensor) -> Tensor:
    """Instance normalisation, written down: less the mean, over the deviation (eps 1e-5)."""
    mean = x.mean((2, 3), keepdim=True)
    variance = (x - mean).square().mean((2, 3), keepdim=True)
    return (x - mean) / (variance + 1e-5).sqrt()


def blur_down(x: Tensor) -> Tensor:
    """[1, 2, 1] over a reflected border, every second place, as a depthwise convolution."""
    kernel = _kernel((1.0, 2.0, 1.0), x)
    return F.conv2d(F.pad(x, (1, 1, 1, 1), mode="reflect"), kernel, stride=2, groups=x.shape[1])


def blur_up(x: Tensor) -> Tensor:
    """[1, 3, 3, 1] over a replicated border, a transposed convolution cropped by one."""
    kernel = 4 * _kernel((1.0, 3.0, 3.0, 1.0), x)
    padded = F.pad(x, (1, 1, 1, 1), mode="replicate")
    doubled = F.conv_transpose2d(padded, kernel, stride=2, padding=2, groups=x.shape[1])
    return doubled[:, :, 1:-1, 1:-1]


def _kernel(taps: tuple[float, ...], x: Tensor) -> Tensor:
    line = torch.tensor(taps, dtype=x.dtype)
    plane = torch.outer(line, line) / line.sum() ** 2
    return plane.expand(x.shape[1], 1, -1, -1)


class PublishedFlow:
    """The weights of G, D and F, and the published training step.

    Args:
        weights: published state dicts by network, `G`, `D` and `F`; copied.
        layers: contrasted layers.
        fast: FastCUT instead of CUT.
        norm: instance normalisation.
        lambda_nce: weight of PatchNCE.
        dtype: to compute in.
    """

    def __init__(
        self,
        weights: dict[str, Weights],
        layers: Sequence[int] = (0, 4, 8, 12, 16),
        fast: bool = False,
        norm: Norm = norm_by_definition,
        dtype: torch.dtype = torch.float64,
    ):
        self.layers, self.fast, self.norm, self.dtype = layers, fast, norm, dtype
        self.lambda_nce = 10.0 if fast else 1.0
        self.weights = {
            name: {k: v.to(dtype, copy=True) for k, v in state.items() if not k.endswith("filt")}
            for name, state in weights.items()
        }
        for state in self.weights.values():
            for value in state.values():
                value.requires_grad_()
        self.adam = {
            name: torch.optim.Adam(state.values(), 2e-4, (0.5, 0.999))
            for name, state in self.weights.items()
        }

    def step(
        self, A: Tensor, B: Tensor, places: dict[str, list[Tensor]], flipped: bool
    ) -> tuple[dict[str, float], Tensor]:
        """One step; `places` holds those of each layer, by term. Losses, and G's output for A."""
        A, B = A.to(self.dtype), B.to(self.dtype)
        inputs = A if self.fast else torch.cat([A, B])
        output = self.generator(inputs.flip(3) if flipped else inputs)
        fake, same = output[: len(A)], output[len(A) :]

        for value in self.weights["D"].values():
            value.requires_grad_(True)
        self.adam["D"].zero_grad()
        d_fake = (self.discriminator(fake.detach()) ** 2).mean()
        d_real = ((self.discriminator(B) - 1) ** 2).mean()
        ((d_fake + d_real) * 0.5).backward()
        self.adam["D"].step()

        for value in self.weights["D"].values():
            value.requires_grad_(False)
        self.adam["G"].zero_grad()
        self.adam["F"].zero_grad()
        gan = ((self.discriminator(fake) - 1) ** 2).mean()
        losses = {"D_fake": d_fake, "D_real": d_real, "G_GAN": gan}
        losses["NCE"] = self.contrast(A, fake, places["X"], flipped)
        nce = losses["NCE"]
        if not self.fast:
            losses["NCE_Y"] = self.contrast(B, same, places["Y"], False)
            nce = (nce + losses["NCE_Y"]) * 0.5
        losses["G"] = gan + nce
        losses["G"].backward()
        self.adam["G"].step()
        self.adam["F"].step()
        return {name: loss.item() for name, loss in losses.items()}, fake.detach()

    def contrast(self, source: Tensor, output: Tensor, places: list[Tensor], flip: bool) -> Tensor:
        """PatchNCE of one term: lambda times the mean over layers of the mean over patches."""
        queries = self.features(output)
        if flip:
            queries = [query.flip(3) for query in queries]
        keys = self.features(source)
        total = torch.zeros((), dtype=self.dtype)
        for i, (query, key) in enumerate(zip(queries, keys, strict=True)):
            q, k = self.embed(i, query, places[i]), self.embed(i, key, places[i])
            total = total + self.lambda_nce * cross_entropy_of_patches(q, k.detach()).mean()
        return total / len(self.layers)

    def embed(self, i: int, features: Tensor, places: Tensor) -> Tensor:
        """F's unit vectors of a layer's places: B x N x 256."""
        w = self.weights["F"]
        taken = features.permute(0, 2, 3, 1).flatten(1, 2)[:, places, :]
        hidden = F.linear(taken, w[f"mlp_{i}.0.weight"], w[f"mlp_{i}.0.bias"]).relu()
        out = F.linear(hidden, w[f"mlp_{i}.2.weight"], w[f"mlp_{i}.2.bias"])
        return out / (out.pow(2).sum(-1, keepdim=True).sqrt() + 1e-7)

    def features(self, x: Tensor) -> list[Tensor]:
        """The contrasted layers' features of pictures, in a pass of its own."""
        return [self._layers(x, max(self.layers))[layer] for layer in self.layers]

    def generator(self, x: Tensor) -> Tensor:
        return self._layers(x, None)[-1]

    def _layers(self, x: Tensor, last: int | None) -> dict[int, Tensor]:
        """Outputs of the numbered layers that matter, up to `last`; -1 is the picture."""
        w, norm = self.weights["G"], self.norm
        out = {0: F.pad(x, (3, 3, 3, 3), mode="reflect")}
        x = norm(self._conv(w, "model.1", out[0])).relu()
        for layer in (4, 8):
            out[layer] = self._conv(w, f"model.{layer}", x, padding=1)
            if layer == last:
                return out
            x = blur_down(norm(out[layer]).relu())
        blocks = len({key.split(".")[1] for key in w if ".conv_block." in key})
        for layer in range(12, 12 + blocks):
            x = out[layer] = x + self._residual(w, f"model.{layer}.conv_block", x)
            if layer == last:
                return out
        for layer in (13 + blocks, 17 + blocks):
            x = norm(self._conv(w, f"model.{layer}", blur_up(x), padding=1)).relu()
        x = F.pad(x, (3, 3, 3, 3), mode="reflect")
        out[-1] = self._conv(w, f"model.{21 + blocks}", x).tanh()
        return out

    def _residual(self, w: Weights, key: str, x: Tensor) -> Tensor:
        x = self._conv(w, f"{key}.1", F.pad(x, (1, 1, 1, 1), mode="reflect"))
        x = F.pad(self.norm(x).relu(), (1, 1, 1, 1), mode="reflect")
        return self.norm(self._conv(w, f"{key}.5", x))

    def discriminator(self, x: Tensor) -> Tensor:
        w = self.weights["D"]
        x = blur_down(F.leaky_relu(self._conv(w, "model.0", x, padding=1), 0.2))
        for layer in (3, 7):
            x = self.norm(self._conv(w, f"model.{layer}", x, padding=1))
            x = blur_down(F.leaky_relu(x, 0.2))
        x = F.leaky_relu(self.norm(self._conv(w, "model.11", x, padding=1)), 0.2)
        return self._conv(w, "model.14", x, padding=1)

    @staticmethod
    def _conv(w: Weights, key: str, x: Tensor, padding: int = 0) -> Tensor:
        return F.conv2d(x, w[f"{key}.weight"], w[f"{key}.bias"], padding=padding)


def cross_entropy_of_patches(queries: Tensor, keys: Tensor, temperature: float = 0.07) -> Tensor:
    """PatchNCE as published, one patch at a time: B x N.

    A row holds the positive first, then the cosines with every key of the picture, that at the
    patch's own place replaced by -10; the loss is the cross-entropy of the first.
    """
    losses = []
    for picture, others in zip(queries, keys, strict=True):
        for i, query in enumerate(picture):
            row = (others * query).sum(1)
            elsewhere = torch.arange(len(row)) != i
            logits = torch.cat([row[i : i + 1], row.where(elsewhere, -10.0)]) / temperature
            losses.append(logits.logsumexp(0) - logits[0])
    return torch.stack(losses).view(queries.shape[:2])
