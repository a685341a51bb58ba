"""CUT: contrastive learning for unpaired image-to-image translation (Park et al., ECCV 2020).

model = cut.load("horse2zebra")
picture = model(Image.open("horse.jpg"))
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cut.translate import load

__version__ = "0.1.0"
__all__ = ["load"]


def __getattr__(name: str) -> Any:
    # PyTorch takes seconds to import: only who asks for a model waits for it.
    if name == "load":
        from cut.translate import load

        return load
    raise AttributeError(f"module 'cut' has no attribute {name!r}")
