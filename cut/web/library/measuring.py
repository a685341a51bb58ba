"""The speed of a model, measured when its turn in the line of translations comes."""

from collections.abc import Callable

from cut.checkpoints import Checkpoint
from cut.library.speed import Speed, measure, remember
from cut.web.models import LINE, get_translator


def measure_in_line(checkpoint: Checkpoint, on_wait: Callable[[int], None] | None = None) -> Speed:
    """Measure how long a model takes for a picture here, while nothing else is translated.

    `on_wait` is told how many requests are ahead, as in `cut.web.models`. Raises CutError if the
    line is full, the weights cannot be read, or the figure cannot be kept.
    """
    with LINE.turn(on_wait):
        speed = measure(get_translator(checkpoint.name))
    remember(checkpoint, speed)
    return speed
