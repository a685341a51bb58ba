"""Generators to begin training with, that give back the picture they are given.

Made by `tools/reproducing.py` and `tools/compact_start.py`. A run begins near the source itself,
instead of at noise, and so shows a picture from the first step.
"""

from pathlib import Path

from safetensors.torch import load_file, save_file
from torch import nn

from cut.files import whole_file
from cut.methods.optimised import Optimised

SINGLE_IMAGE = Path(__file__).parent / "reproducing.safetensors"
"""For single-image CUT, preset `quick`: a StyleGAN2 generator and its patch heads."""

COMPACT = Path(__file__).parent / "compact.safetensors"
"""For two sets, presets `compact`: a ResNet generator and its patch heads.

Learnt from the freely licensed photos of Debian's gcompris-qt-data and lomiri-wallpapers.
"""


def load_start(path: Path, **networks: nn.Module) -> None:
    """Give new networks shipped weights.

    Args:
        path: one of the two above.
        networks: `generator` and, if there are any, `patch_heads`, of the widths that
            `cut.config.checks` holds settings to.
    """
    state = load_file(path)
    for name, network in networks.items():
        prefix = f"{name}."
        network.load_state_dict(
            {k.removeprefix(prefix): v for k, v in state.items() if k.startswith(prefix)}
        )


def save_start(path: Path, **parts: Optimised) -> None:
    """Write what `load_start` reads: the running averages of trained networks, in half precision.

    Args:
        path: one of the two above.
        parts: `generator` and `patch_heads`.
    """
    state = {
        f"{name}.{key}": value.half().contiguous()
        for name, part in parts.items()
        for key, value in part.weights(average=True).items()
    }
    with whole_file(path) as temporary:
        save_file(state, temporary)
