"""The patch heads: the paper's F, a two-layer MLP for each contrasted layer (section 3.2)."""

from collections.abc import Sequence

from torch import Tensor, nn


class PatchHeads(nn.Module):
    """Features of sampled places to unit vectors: for each layer B x N x C to B x N x `dim`.

    Args:
        channels: of each contrasted layer, as the encoder declares them.
        dim: of the embedding, 256 as published.
    """

    def __init__(self, channels: Sequence[int], dim: int = 256):
        super().__init__()
        for i, width in enumerate(channels):
            mlp = nn.Sequential(nn.Linear(width, dim), nn.ReLU(), nn.Linear(dim, dim))
            self.add_module(f"mlp_{i}", mlp)

    def forward(self, samples: Sequence[Tensor]) -> list[Tensor]:
        return [self.embed(i, sample) for i, sample in enumerate(samples)]

    def embed(self, i: int, sample: Tensor) -> Tensor:
        """Embed samples (..., C) of the i-th contrasted layer, in the heads' own precision."""
        mlp = self.get_submodule(f"mlp_{i}")
        return unit_length(mlp(sample.to(next(mlp.parameters()).dtype)))


def unit_length(vectors: Tensor) -> Tensor:
    """Divide by the L2 norm over the last axis; 1e-7 is added to the norm, as published."""
    return vectors / (vectors.norm(dim=-1, keepdim=True) + 1e-7)


def sample_places(features: Tensor, places: Tensor) -> Tensor:
    """Take `places` (N, row-major) of a map B x C x H x W: B x N x C."""
    return features.flatten(2).transpose(1, 2).index_select(1, places)


def channels_of(state: dict[str, Tensor]) -> list[int]:
    """The `channels` argument of `PatchHeads` that a state dict was saved from."""
    count = len({key.split(".")[0] for key in state if key.startswith("mlp_")})
    return [state[f"mlp_{i}.0.weight"].shape[1] for i in range(count)]
