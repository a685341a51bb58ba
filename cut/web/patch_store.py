"""Correspondences that were computed: in line with the translations, each once, the last few kept.

One holds some 60 MB (float32 vectors, and their packed copy), so the bound is a small number.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol

from cut.errors import CutError
from cut.web.models import LINE, get_translator
from cut.web.patch_view import (
    Part,
    describe,
    identity,
    message,
    pack_layer,
    pack_maps,
    pack_pictures,
)

if TYPE_CHECKING:
    from PIL import Image

    from cut.checkpoints import Checkpoint
    from cut.correspondence import Correspondence, LayerView

KEPT = 4
"""Two checkpoints compared on one picture need two; visitors share what is kept."""

KEPT_AHEAD = 2
"""Those that nobody has asked for yet: they must not push out what is looked at."""

Key = tuple[str, str, float, int]
"""Digest of the picture, checkpoint's name and time of its weights, working size."""


class Brought(Protocol):
    """A picture that came from outside; `digest` names its content."""

    @property
    def digest(self) -> str: ...

    def picture(self) -> "Image.Image": ...


@dataclass
class Entry:
    """A correspondence, and what was packed of it for the browser: each part once."""

    key: Key
    view: "Correspondence"
    _layers: dict[int, Part] = field(default_factory=dict, repr=False)

    @property
    def identity(self) -> str:
        """The name of the content, which the browser knows it by."""
        return identity(*self.key)

    def pack(self) -> None:
        """Pack what `message` and `others` send."""
        for layer in self.view.layers:
            self._packed(layer)
        self._pictures  # noqa: B018

    def message(self, number: int | None, **header: Any) -> bytes:
        """The pictures and the layer of that number, or the one that is shown at first."""
        first = self._first(number)
        layers = [self._packed(x).about if x is first else describe(x) for x in self.view.layers]
        parts = [self._pictures, self._packed(first)]
        about = {**self._pictures.about, "layers": layers, **header}
        return message("view", self.identity, parts, **about)

    def others(self, number: int | None) -> bytes:
        """The layers that `message` leaves out."""
        first = self._first(number)
        parts = [self._packed(layer) for layer in self.view.layers if layer is not first]
        return message("layers", self.identity, parts, layers=[part.about for part in parts])

    def maps(self) -> bytes:
        """The maps for the negatives `all`, which take longer and are sent when asked for."""
        return message("maps", self.identity, [self._maps], **self._maps.about)

    @cached_property
    def _pictures(self) -> Part:
        return pack_pictures(self.view)

    @cached_property
    def _maps(self) -> Part:
        return pack_maps(self.view, "all")

    def _first(self, number: int | None) -> "LayerView":
        layers = self.view.layers
        # As the browser does: the second is fine enough to show outlines, and more than colours.
        usual = layers[min(1, len(layers) - 1)]
        return next((layer for layer in layers if layer.number == number), usual)

    def _packed(self, layer: "LayerView") -> Part:
        # Two at once pack the same, so no lock is needed.
        if layer.number not in self._layers:
            self._layers[layer.number] = pack_layer(layer)
        return self._layers[layer.number]


class PatchStore:
    """Entries by key, at most `limit`; the one unused for longest goes first.

    Those that were put `ahead` of being asked for are few, and apart until somebody gets them.
    """

    def __init__(self, limit: int = KEPT) -> None:
        self._limit = limit
        self._lock = threading.Lock()
        self._entries: OrderedDict[Key, Entry] = OrderedDict()
        self._ahead: OrderedDict[Key, Entry] = OrderedDict()

    def get(self, key: Key) -> Entry | None:
        """Return what was computed for `key`, if it is still kept."""
        with self._lock:
            if key in self._ahead:
                _keep(self._entries, self._ahead.pop(key), self._limit)
            if key in self._entries:
                self._entries.move_to_end(key)
            return self._entries.get(key)

    def put(self, entry: Entry, ahead: bool = False) -> None:
        """Keep `entry`."""
        with self._lock:
            if ahead:
                _keep(self._ahead, entry, KEPT_AHEAD)
            else:
                _keep(self._entries, entry, self._limit)


def _keep(entries: OrderedDict[Key, Entry], entry: Entry, limit: int) -> None:
    entries[entry.key] = entry
    while len(entries) > limit:
        entries.popitem(last=False)


STORE = PatchStore()


def key_of(source: Brought, checkpoint: "Checkpoint", size: int) -> Key:
    """Return what names the correspondence of `source` with `checkpoint` at a working size.

    Raises CutError if the checkpoint's weights are gone.
    """
    try:
        return source.digest, checkpoint.name, checkpoint.changed, size
    except OSError as error:
        raise CutError(
            f"The weights of {checkpoint.name} are gone; choose another checkpoint."
        ) from error


def find(source: Brought, checkpoint: "Checkpoint", size: int) -> Entry | None:
    """Return the correspondence that `compute` would, if it is kept. Raises CutError as it does."""
    return STORE.get(key_of(source, checkpoint, size))


def compute(
    source: Brought,
    checkpoint: "Checkpoint",
    size: int,
    on_wait: Callable[[int], None] | None = None,
    ahead: bool = False,
) -> Entry:
    """Return the correspondence of `source` with `checkpoint`, computed when its turn comes.

    `size` is the short side in pixels to work at. `on_wait(place)` is told how many requests are
    before it; `ahead` means that nobody has asked for it yet. Raises CutError if the picture, the
    checkpoint or the line refuse.
    """
    from cut.correspondence import correspond

    key = key_of(source, checkpoint, size)
    with LINE.turn(on_wait):
        found = STORE.get(key)  # somebody ahead in the line may have asked for the same
        if found is None:
            found = Entry(key, correspond(get_translator(checkpoint.name), source.picture(), size))
            STORE.put(found, ahead)
        return found
