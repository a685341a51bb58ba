"""CUT: contrastive learning for unpaired image-to-image translation (Park et al., ECCV 2020).

model = cut.load("horse2zebra")
picture = model(Image.open("horse.jpg"))

for event in cut.train(cut.preset("cut", "compact"), data="horse2zebra", name="mine"):
    print(event)
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cut.config import preset
    from cut.trainer import train
    from cut.translate import load

__version__ = "0.1.0"
__all__ = ["load", "preset", "train"]

_HOMES = {"load": "cut.translate", "preset": "cut.config", "train": "cut.trainer"}


def __getattr__(name: str) -> Any:
    # PyTorch takes seconds to import: only who asks for a model waits for it.
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'cut' has no attribute {name!r}")
