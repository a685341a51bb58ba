"""What runs on a machine of a Ray cluster: a model that is loaded once and translates files."""

import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torch import Tensor

from cut.checkpoints import Checkpoint
from cut.errors import CutError

if TYPE_CHECKING:
    from cut.translate import Translator


@dataclass(frozen=True)
class Carried(Checkpoint):
    """A model that brings its generator's weights along to machines without its files."""

    state: dict[str, Tensor] = field(default_factory=dict)

    @classmethod
    def of(cls, checkpoint: Checkpoint) -> "Carried":
        """Raises CutError if the weights cannot be read."""
        state = checkpoint.generator_state()
        return cls(checkpoint.name, checkpoint.folder, checkpoint.config, state=state)

    def generator_state(self) -> dict[str, Tensor]:
        return self.state


class TranslationWorker:
    """One process on one machine; several of its pictures may be in hand at once."""

    def __init__(self, model: Carried, device: str, precision: str) -> None:
        self.model, self.device, self.precision = model, device, precision
        self.translator: Translator | None = None

    def load(self) -> str:
        """Load the model; the reason if that is impossible here."""
        from cut.device import choose
        from cut.translate import Translator

        try:
            self.translator = Translator(self.model, choose(self.device, self.precision))
        except CutError as error:
            return str(error)
        return ""

    def translate(
        self, source: Path, target: Path, how: tuple[Any, ...], again: bool
    ) -> tuple[float, str]:
        """Translate one file to another; the seconds that it took, or the reason why not.

        `how` is what `cut.translate.Translator` takes after the picture. With `again` a target
        that is there is what a lost worker wrote before it could say so.
        """
        from cut.pictures import read_picture, save_png

        if again and target.exists():
            return 0.0, ""
        try:
            picture = read_picture(source)
            start = time.perf_counter()
            result = self._loaded(picture, *how)
            seconds = round(time.perf_counter() - start, 3)
            save_png(result, target)
        except CutError as error:
            return 0.0, str(error)
        except (MemoryError, RuntimeError) as error:
            return 0.0, f"{source}: {(str(error).splitlines() or ['out of memory'])[0]}"
        return seconds, ""

    def _loaded(self, *arguments: Any) -> Any:
        assert self.translator is not None, "load comes first"
        return self.translator(*arguments)
