"""The contrastive term that all methods share (section 3.2, equation 3)."""

from collections.abc import Sequence

import torch
from torch import Tensor

from cut.losses.patchnce import patchnce
from cut.networks.patch_heads import PatchHeads


def contrast(
    heads: PatchHeads,
    queries: Sequence[Tensor],
    keys: Sequence[Tensor],
    temperature: float,
    across_batch: bool = False,
) -> Tensor:
    """The mean of PatchNCE over patches and layers; 0-d.

    Args:
        heads: embed the samples.
        queries, keys: a layer's features at the sampled places, B x N x C each, of the output and
            of the input; no gradient flows to the keys.
        temperature: divides the cosines.
        across_batch: take negatives from all pictures of the batch, not from a patch's own alone.
    """
    losses = []
    for i, (query, key) in enumerate(zip(queries, keys, strict=True)):
        q = heads.embed(i, query)
        with torch.no_grad():
            k = heads.embed(i, key)
        if across_batch:
            q, k = q.flatten(0, 1)[None], k.flatten(0, 1)[None]
        losses.append(patchnce(q, k, temperature).mean())
    return torch.stack(losses).mean()
