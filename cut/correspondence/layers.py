"""The contrasted layers of a picture and its translation, each embedded when first looked at."""

import threading
from collections.abc import Callable, Iterator, Mapping

from cut.correspondence.layer_view import LayerView


class Layers:
    """Layers in the encoder's order. May be shared; one thread at a time embeds.

    Args:
        receptive_fields: px, by the layer's number: what is known of a layer beforehand.
        embed: makes the i-th; let go of, with all that it holds, after the last.
    """

    def __init__(
        self, receptive_fields: Mapping[int, int], embed: Callable[[int], LayerView]
    ) -> None:
        self.receptive_fields = dict(receptive_fields)
        self.numbers = tuple(receptive_fields)
        self._embed: Callable[[int], LayerView] | None = embed
        self._views: dict[int, LayerView] = {}
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self.numbers)

    def __getitem__(self, i: int) -> LayerView:
        i = range(len(self))[i]
        if i not in self._views:
            with self._lock:
                if i not in self._views and self._embed is not None:
                    self._views[i] = self._embed(i)
                if self.whole:
                    self._embed = None
        return self._views[i]

    def __iter__(self) -> Iterator[LayerView]:
        return (self[i] for i in range(len(self)))

    def has(self, i: int) -> bool:
        """Whether the i-th layer is embedded already."""
        return i in self._views

    @property
    def whole(self) -> bool:
        """Whether every layer is embedded already."""
        return len(self._views) == len(self.numbers)
