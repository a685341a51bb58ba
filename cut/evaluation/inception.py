"""Inception features for the published KID and FID, from torch-fidelity.

Its network is a port of the one that FID was defined with (TensorFlow, 2015-12-05), resizing
included, so scores compare with the literature. The weights are downloaded once, to PyTorch's
cache, and only when one of these metrics is asked for.
"""

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from itertools import groupby
from pathlib import Path
from pickle import UnpicklingError
from urllib.error import URLError

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from cut.errors import CutError
from cut.evaluation.batches import in_batches

_BATCH = 8


class Inception:
    """InceptionV3 up to its 2048 pooled features; `name` tells its features from others'."""

    name = "inception-v3-compat"

    def __init__(
        self,
        device: str | torch.device = "cpu",
        network: Callable[[Tensor], tuple[Tensor, ...]] | None = None,
    ) -> None:
        """Load the network. `network` replaces it: B x 3 x H x W uint8 to (B x d features,).

        Raises CutError if the weights are neither here nor to be had.
        """
        self.device = torch.device(device)
        self._network = network or _network().to(self.device)

    @torch.inference_mode()
    def embed(self, pictures: Iterable[Image.Image]) -> Tensor:
        """Return the n x 2048 features of n RGB pictures of any size, float64 on the CPU."""
        rows = [torch.empty(0, 2048, dtype=torch.float64)]
        for some in in_batches(pictures, _BATCH):
            # The network scales to 299 px itself; only pictures of one size can share a batch.
            for _, alike in groupby(some, key=lambda picture: picture.size):
                inputs = torch.stack([_pixels(picture) for picture in alike]).to(self.device)
                rows.append(self._network(inputs)[0].cpu().double())
        return torch.cat([some for some in rows if len(some)] or rows)


@cache
def inception(device: str = "cpu") -> Inception:
    """Return the network on `device`, made once. Raises CutError as `Inception` does."""
    return Inception(device)


def _pixels(picture: Image.Image) -> Tensor:
    return torch.from_numpy(np.array(picture.convert("RGB"))).permute(2, 0, 1)


def _network() -> nn.Module:
    try:
        from torch_fidelity import feature_extractor_inceptionv3 as library
    except ImportError as error:
        raise CutError(
            f"kid and fid need the package {error.name}: pip install torch-fidelity, "
            "or choose --metric kid-lite0."
        ) from error
    _fetch(library.URL_INCEPTION_V3)
    with _only_weights():
        return library.FeatureExtractorInceptionV3(Inception.name, ["2048"])


def _fetch(url: str) -> None:
    """See to it that the weights of `url` are in PyTorch's cache, complete, and only tensors."""
    try:
        torch.hub.load_state_dict_from_url(
            url, map_location="cpu", check_hash=True, weights_only=True
        )
    except (URLError, OSError, RuntimeError, EOFError, UnpicklingError) as error:
        # URLError and OSError: no network, no room. RuntimeError: another hash, half a file.
        # UnpicklingError: a file that holds more than tensors, of which nothing was run.
        cause = str(getattr(error, "reason", None) or error).strip().splitlines()[0]
        place = Path(torch.hub.get_dir()) / "checkpoints" / Path(url).name
        raise CutError(
            f"kid and fid need Inception weights, which could not be loaded ({cause}): "
            f"go online once, or save {url} as {place}, or choose --metric kid-lite0."
        ) from error


@contextmanager
def _only_weights() -> Iterator[None]:
    """Make torch.load refuse pickled code: the library's own call does not ask it to."""
    name = "TORCH_FORCE_WEIGHTS_ONLY_LOAD"
    before = os.environ.get(name)
    os.environ[name] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before
