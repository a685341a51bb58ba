"""PatchNCE, the contrastive loss over patches (CUT, section 3.2, equations 2 and 3)."""

import torch
import torch.nn.functional as F
from torch import Tensor


def patchnce(query: Tensor, key: Tensor, temperature: float = 0.07) -> Tensor:
    """InfoNCE of every query against the keys of its own picture: B x N.

    The key at the query's place is the positive, the keys at the N - 1 other places are the
    negatives. The published code appends the positive to a row whose own place is filled with
    -10; exp(-10 / 0.07) vanishes in any precision, so the diagonal may serve as the positive.

    Args:
        query: B x N x D unit vectors of the output's patches.
        key: B x N x D unit vectors of the input's patches at the same places; no gradient flows.
        temperature: divides the cosines, 0.07 as published.
    """
    logits = query @ key.detach().transpose(1, 2) / temperature
    positive = torch.arange(query.shape[1], device=query.device).expand(query.shape[:2])
    return F.cross_entropy(logits.flatten(0, 1), positive.flatten(), reduction="none").view(
        query.shape[:2]
    )
