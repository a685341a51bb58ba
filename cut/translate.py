"""A loaded generator: pictures in, pictures out, at their own size."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from PIL import Image
from torch import Tensor

from cut.bands.choice import way_through
from cut.bands.plan import Plan
from cut.bands.run import Progress, is_out_of_memory
from cut.bands.translation import translate_in_bands
from cut.checkpoints import Checkpoint, find, is_number, text_in
from cut.config import CutSettings, SinCutSettings
from cut.config.bounds import BOUNDS
from cut.data.folders import to_tensor
from cut.device import Placement, choose
from cut.errors import CutError
from cut.memory import estimate_bytes, freed_memory_kept, memory_limit
from cut.networks.generators import GENERATORS, Generator, build_generator, head_channels
from cut.networks.layers import pad_sides
from cut.networks.patch_heads import PatchHeads
from cut.networks.resnet import ResnetGenerator
from cut.pictures import MAX_PIXELS, MIN_SIDE, resize_short_side
from cut.previews import to_picture

if TYPE_CHECKING:
    from cut.correspondence import Correspondence


class OutOfMemory(CutError):  # noqa: N818 (it reads as what went wrong)
    """An allocation failed."""


@dataclass
class Translator:
    """A generator on its device; may be shared, requests then take turns.

    Args:
        checkpoint: the model.
        placement: where and in which precision to compute.
    """

    checkpoint: Checkpoint
    placement: Placement
    generator: Generator = field(init=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False, repr=False)

    def __post_init__(self) -> None:
        description = self.checkpoint.table("generator")
        kind = text_in(description, "kind")
        if kind not in GENERATORS:
            raise CutError(f"{self.checkpoint.name}: unknown kind of generator {kind!r}")
        try:
            with torch.device("meta"):
                generator = build_generator(description)
            generator.load_state_dict(self.checkpoint.generator_state(), assign=True)
        except (TypeError, ValueError, RuntimeError) as error:
            raise CutError(
                f"{self.checkpoint.name}: the weights are not those of the generator that "
                "config.json describes"
            ) from error
        self.generator = self.placement.network(generator).eval().requires_grad_(False)

    @cached_property
    def patch_heads(self) -> PatchHeads | None:
        """The paper's F in float32, or None where the model has none."""
        state = self.checkpoint.patch_heads_state()
        if state is None:
            return None
        described = self.checkpoint.table("patch_heads")
        try:
            heads = PatchHeads(described["channels"], described["dim"])
            heads.load_state_dict(state)
        except (KeyError, TypeError, ValueError, RuntimeError) as error:
            raise CutError(
                f"{self.checkpoint.name}: the patch heads are not those that config.json describes"
            ) from error
        return heads.to(self.placement.device).eval().requires_grad_(False)

    def __call__(
        self,
        picture: Image.Image,
        size: int | None = None,
        strength: float = 1.0,
        progress: Progress | None = None,
        limit: int | None = None,
    ) -> Image.Image:
        """Translate one picture; the result has its size.

        A large picture goes through in bands, which gives what one piece gives, but for rounding.

        Args:
            picture: any mode, upright (see `cut.pictures.read_picture`).
            size: px, the short side to work at, scaled back afterwards; None for the picture's own.
            strength: from 0, the input, to 1, the translation.
            progress: told how much is done of how much; what it raises cancels the translation.
            limit: bytes of memory to use at most; None for what `cut.memory` says.

        Raises:
            CutError: a side is too short, `size` or `strength` is out of range, or memory or disk
                is not enough.
        """
        if not 0 <= strength <= 1:
            raise CutError(f"strength {strength}: from 0 (the input) to 1 (the translation)")
        picture = picture.convert("RGB")
        working = picture if size is None else _resized(picture, size)
        if min(working.size) < MIN_SIDE:
            raise CutError(
                f"the picture is {picture.width} x {picture.height}; a side needs at least "
                f"{MIN_SIDE} px: choose a larger picture or a working size"
            )
        result = self._within_memory(working, progress, limit)
        if result.size != picture.size:
            result = result.resize(picture.size, Image.Resampling.LANCZOS)
        # The first picture's metadata (a location, say) would go along: hence this order.
        return result if strength == 1 else Image.blend(result, picture, 1 - strength)

    def plan(self, width: int, height: int, limit: int | None = None) -> Plan | None:
        """The bands in which a picture of that size goes through; None for one piece.

        Raises:
            CutError: `limit` (bytes) is too little; it says the least that would do.
        """
        return way_through(self.generator, self.placement, (width, height), limit)

    def _within_memory(
        self, picture: Image.Image, progress: Progress | None, limit: int | None
    ) -> Image.Image:
        way = self.plan(*picture.size, limit)
        if way is None:
            result = self._in_one_piece(picture, progress)
            if result is not None:
                return result
            way = self.plan(*picture.size, self.estimate_bytes(*picture.size) // 2)
            assert way is not None
        with self._turn():
            return translate_in_bands(self.generator, self.placement, picture, way, progress)

    def _in_one_piece(self, picture: Image.Image, progress: Progress | None) -> Image.Image | None:
        """The translation; None if less memory was free than it seemed."""
        tell = progress or (lambda done, total: None)
        tell(0, 1)
        try:
            result = to_picture(self.run(to_tensor(picture)[None])[0])
        except OutOfMemory:
            return None
        tell(1, 1)
        return result

    def run(self, pictures: Tensor) -> Tensor:
        """Translate B x 3 x H x W in [-1, 1] of any sides from 8 px; float32 on the CPU."""
        height, width = pictures.shape[2:]
        with self._turn(), freed_memory_kept():  # many layers ask for what others have freed
            output = self.generator(self._padded(pictures))[0]
            return output[:, :, :height, :width].float().cpu()

    def run_with_features(
        self, pictures: Tensor, layers: Sequence[int]
    ) -> tuple[Tensor, list[Tensor]]:
        """The translation and the encoder's features of the input at `layers`, on the device.

        Both cover the pictures as they were padded: their first rows and columns are the picture's
        own. `encode` takes such a translation.
        """
        with self._turn():
            return self.generator(self._padded(pictures), layers)

    def encode(self, x: Tensor, layers: Sequence[int], start: int = 0) -> list[Tensor]:
        """The features of `layers`, on the device; `x` is as it came from there, or, with a later
        `start`, the features of the layer before that one."""
        with self._turn():
            return self.generator.encode(x, layers, start)

    def correspondence(self, picture: Image.Image, size: int = 256) -> "Correspondence":
        """Patch embeddings of a picture and its translation: `cut.correspondence.correspond`."""
        from cut.correspondence import correspond

        return correspond(self, picture, size)

    @property
    def contrasted_layers(self) -> tuple[int, ...]:
        """The layers that training contrasted, or the paper's where the model does not say."""
        described = self.checkpoint.table("patch_heads")
        if described:
            return self._checked_layers(described.get("layers"))
        if not isinstance(self.generator, ResnetGenerator):
            return SinCutSettings.layers
        last = self.generator.first_block + self.generator.blocks - 1
        return tuple(layer for layer in CutSettings.layers if layer <= last)

    @property
    def contrasted_crops(self) -> int:
        """How many crops a step contrasted with each other; 0 if it did so within a picture."""
        if self.checkpoint.config.get("method") != SinCutSettings.method:
            return 0
        return int(self._setting("batch_size", SinCutSettings.batch_size))

    @property
    def temperature(self) -> float:
        """What training divided the cosines by."""
        return float(self._setting("temperature", CutSettings.temperature))

    def _setting(self, name: str, default: float) -> float:
        value = self.checkpoint.table("settings").get(name, default)
        if not is_number(value) or value not in BOUNDS[name]:
            told = f"settings.{name} should be {BOUNDS[name].words}"
            raise CutError(f"{self.checkpoint.name}: config.json: {told}")
        return value

    def _checked_layers(self, layers: Any) -> tuple[int, ...]:
        try:
            head_channels(self.generator, layers)
        except (TypeError, ValueError) as error:
            raise CutError(
                f"{self.checkpoint.name}: config.json: patch_heads.layers should be a list of "
                "layers that the generator has"
            ) from error
        return tuple(layers)

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """Compute alone, without gradients. Raises OutOfMemory if memory is not enough."""
        with self._lock, torch.inference_mode():
            try:
                yield
            except RuntimeError as error:
                if not is_out_of_memory(error):
                    raise
                raise OutOfMemory(
                    f"the {'CPU' if self.placement.device.type == 'cpu' else 'GPU'}'s memory is "
                    "not enough for this picture: choose a smaller working size (--size), or "
                    "another --device"
                ) from error

    def _padded(self, pictures: Tensor) -> Tensor:
        return self.placement.batch(pad_sides(pictures))

    def estimate_bytes(self, width: int, height: int) -> int:
        """Memory that translating a picture of that size needs above the loaded model's."""
        return estimate_bytes(width, height, self.generator.width, self.placement.dtype)

    def fits(
        self, width: int, height: int, size: int | None = None, limit: int | None = None
    ) -> bool:
        """Whether a picture can be translated (at working size `size`) within `limit` bytes."""
        if size is not None:
            scale = size / min(width, height)
            width, height = round(width * scale), round(height * scale)
        return self.estimate_bytes(width, height) <= (memory_limit() if limit is None else limit)

    def largest_size(self, width: int, height: int, limit: int | None = None) -> int:
        """The largest short side, a multiple of 32 px, at which such a picture fits in `limit`."""
        limit = memory_limit() if limit is None else limit
        side = int(min(width, height) * (limit / self.estimate_bytes(width, height)) ** 0.5)
        return max(32, side // 32 * 32)


def _resized(picture: Image.Image, size: int) -> Image.Image:
    """`picture` at a short side of `size` px, as long as that is one that can be worked at."""
    if not 32 <= size <= 8192:
        raise CutError(f"size {size}: a short side from 32 to 8192 px, or native")
    width, height = (round(side * size / min(picture.size)) for side in picture.size)
    if width * height > MAX_PIXELS:
        raise CutError(
            f"a picture of {picture.width} x {picture.height} at size {size} would have "
            f"{width} x {height} px, and {MAX_PIXELS / 1e6:.0f} megapixels are the most: choose a "
            "smaller size, or crop it"
        )
    return resize_short_side(picture, size)


def load(
    name: str | Path | Checkpoint, device: str = "auto", precision: str = "auto"
) -> Translator:
    """Load a model by name, folder or published `.pth`, ready to call with a picture.

    Raises:
        CutError: there is no such model or device, or the weights do not fit.
    """
    checkpoint = name if isinstance(name, Checkpoint) else find(name)
    return Translator(checkpoint, choose(device, precision))
