"""From a picture that was brought to a result that is kept: in line, once."""

from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING

from cut.errors import CutError
from cut.web.models import translate_in_line
from cut.web.results import Key, Result, ResultStore
from cut.web.session import Session, Source
from cut.web.working_size import Choice, resolve

if TYPE_CHECKING:
    from cut.checkpoints import Checkpoint
    from cut.device import Placement


@cache
def placement() -> "Placement":
    """Return where this server computes."""
    from cut.device import choose  # imports torch, which takes seconds

    return choose()


@cache
def example_results() -> ResultStore:
    """Return the results of example pictures, which are the same for every visitor."""
    return ResultStore()


class Desk:
    """One visitor's translations with one checkpoint at one choice of working size."""

    def __init__(self, session: Session, checkpoint: "Checkpoint", choice: Choice) -> None:
        self._own_results = session.results
        self._cancelled = session.cancelled
        self._checkpoint = checkpoint
        self._choice = choice

    def find(self, source: Source) -> Result | None:
        """Return the translation of `source` if it was made already."""
        return self._store(source).get(self._key(source))

    def translate(
        self,
        source: Source,
        on_wait: Callable[[int], None] | None = None,
        progress: Callable[[int, int], None] | None = None,
    ) -> Result:
        """Translate `source` when its turn comes.

        `on_wait(place)` is told how many requests are ahead, `progress(done, total)` how far it is.
        Raises CutError if the picture, the checkpoint or the disk refuse, or if it was cancelled.
        """
        if self.is_cancelled(source):
            raise CutError(f"{source.name}: cancelled.")
        key = self._key(source)
        translated, seconds = translate_in_line(
            self._checkpoint.name, source.picture(), key[-1], on_wait=on_wait, progress=progress
        )
        return self._store(source).put(key, translated, seconds=seconds, size=key[-1])

    def cancel(self, source: Source) -> None:
        """Do not translate `source` until `resume` is called."""
        self._cancelled.add(self._key(source))

    def resume(self, source: Source) -> None:
        """Take `cancel` back."""
        self._cancelled.discard(self._key(source))

    def is_cancelled(self, source: Source) -> bool:
        """Whether the translation of `source` was cancelled."""
        return self._key(source) in self._cancelled

    def name(self, source: Source) -> str:
        """What tells this translation of `source` from all others, as a text."""
        return "-".join(map(str, self._key(source)))

    def _store(self, source: Source) -> ResultStore:
        return self._own_results if source.example is None else example_results()

    def _key(self, source: Source) -> Key:
        device, trained = placement().device.type, self._checkpoint.trained_side
        size = resolve(self._choice, source.width, source.height, device, trained)
        try:
            made = self._checkpoint.changed
        except OSError as error:
            name = self._checkpoint.name
            raise CutError(f"The weights of {name} are gone; choose another checkpoint.") from error
        return source.digest, self._checkpoint.name, made, size
