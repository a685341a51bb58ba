"""Samples for a model that has none, made of the example pictures."""

from collections.abc import Callable

from cut.checkpoints import Checkpoint
from cut.errors import CutError
from cut.library.samples import SAMPLE_SIZE, keep_sample
from cut.pictures import read_picture, resize_short_side
from cut.web.examples import Example, examples
from cut.web.models import find_by_name, translate_in_line

_FREE = ("CC0 1.0", "Public domain")


def subjects() -> list[Example]:
    """The examples that may be passed on with a model without a word about whose they are."""
    return [example for example in examples() if example.licence in _FREE]


def make_samples(
    checkpoint: Checkpoint,
    progress: Callable[[int, int], None],
    on_wait: Callable[[int], None] | None = None,
) -> int:
    """Translate the `subjects` in line, keep them as the model's samples, and return their number.

    `progress(done, total)` is told after each; what it raises ends the work, and what was made is
    kept. Raises CutError if the model, the line or the disk refuse, or if the model was replaced
    meanwhile: its successor gets no pictures of its.
    """
    chosen, weights = subjects(), _written(checkpoint)
    for done, example in enumerate(chosen):
        progress(done, len(chosen))
        picture = resize_short_side(read_picture(example.path), SAMPLE_SIZE)
        translated, _ = translate_in_line(checkpoint.name, picture, on_wait=on_wait)
        present = find_by_name(checkpoint.name)
        if (present.folder, _written(present)) != (checkpoint.folder, weights):
            raise CutError(f"{checkpoint.name} was replaced meanwhile: open its card again")
        keep_sample(checkpoint, example.key, picture, translated)
    return len(chosen)


def _written(checkpoint: Checkpoint) -> float:
    """When its weights were written, which tells a model from a later one of its name."""
    try:
        return checkpoint.changed
    except OSError as error:
        raise CutError(f"the weights of {checkpoint.name} are gone") from error
