"""Correspondences that were computed: in line with the translations, each once, the last few kept.

The layer that is shown first is embedded first, and can be looked at while the others are embedded.
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

OnWait = Callable[[int], None]

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

    def first(self, number: int | None) -> "LayerView":
        """The layer of that number, or the one that is shown at first."""
        return self.view.layers[self._index(number)]

    def has_first(self, number: int | None) -> bool:
        """Whether that layer is embedded already."""
        return self.view.layers.has(self._index(number))

    def message(self, number: int | None, **header: Any) -> bytes:
        """The pictures and the layer of that number, or the one that is shown at first."""
        first = self._packed(self.first(number))
        layers = [describe(*named) for named in self.view.layers.receptive_fields.items()]
        layers[self._index(number)] = first.about
        about = {**self._pictures.about, "layers": layers, **header}
        return message("view", self.identity, [self._pictures, first], **about)

    def others(self, number: int | None) -> bytes:
        """The layers that `message` leaves out."""
        first = self.first(number)
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

    def _index(self, number: int | None) -> int:
        numbers = self.view.layers.numbers
        if number in numbers:
            return numbers.index(number)
        # As the browser does: the second is fine enough to show outlines, and more than colours.
        return min(1, len(numbers) - 1)

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


def find(
    source: Brought, checkpoint: "Checkpoint", size: int, number: int | None = None
) -> Entry | None:
    """Return what `begin` would, if it is kept. Raises CutError as it does."""
    entry = STORE.get(key_of(source, checkpoint, size))
    return entry if entry and entry.has_first(number) else None


def begin(
    source: Brought,
    checkpoint: "Checkpoint",
    size: int,
    number: int | None = None,
    on_wait: OnWait | None = None,
) -> Entry:
    """Return as much as `Entry.message(number)` sends, computed when its turn comes.

    `size` is the short side in pixels to work at, `number` the layer that is shown at first.
    `on_wait(place)` is told how many requests are before it. Raises CutError if the picture, the
    checkpoint or the line refuse.
    """
    with LINE.turn(on_wait):
        entry = _kept_or_begun(source, checkpoint, size)
        entry.first(number)
        return entry


def complete(entry: Entry, on_wait: OnWait | None = None) -> None:
    """Embed the layers that `entry` lacks, when its turn comes. Raises CutError as `begin` does."""
    if not entry.view.layers.whole:
        with LINE.turn(on_wait):
            list(entry.view.layers)


def compute(source: Brought, checkpoint: "Checkpoint", size: int, ahead: bool = False) -> Entry:
    """Return all of what `begin` begins; `ahead` means that nobody has asked for it yet."""
    with LINE.turn():
        entry = _kept_or_begun(source, checkpoint, size, ahead)
        list(entry.view.layers)
        return entry


def _kept_or_begun(
    source: Brought, checkpoint: "Checkpoint", size: int, ahead: bool = False
) -> Entry:
    from cut.correspondence import correspond

    key = key_of(source, checkpoint, size)
    found = STORE.get(key)  # somebody ahead in the line may have asked for the same
    if found is None:
        translator = get_translator(checkpoint.name)
        found = Entry(key, correspond(translator, source.picture(), size, at_once=False))
        STORE.put(found, ahead)
    return found
