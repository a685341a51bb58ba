"""The working sizes of the patch view, apart from its engine: pages start without PyTorch."""

SIZES = (256, 384, 512)
"""Short sides, in px, that the view may work at."""
