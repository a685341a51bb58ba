"""What programs can call: the functions behind the endpoints, the same for HTTP, Python and MCP.

Their docstrings and names are what an MCP client is told.
"""

from __future__ import annotations

import functools
import logging
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

import gradio as gr
from gradio.utils import get_upload_folder
from PIL import Image

from cut.errors import CutError
from cut.web import working_size
from cut.web.gradio_progress import request_progress
from cut.web.models import find_by_name, get_translator, translate_in_line
from cut.web.widgets.plain import without_options

if TYPE_CHECKING:
    from cut.checkpoints import Checkpoint

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")
Endpoint = Callable[..., str]

log = logging.getLogger(__name__)


@contextmanager
def refusals() -> Iterator[None]:
    """Turn what the block raises into a gr.Error: one line for the caller, no trace."""
    try:
        yield
    except CutError as error:
        raise gr.Error(without_options(str(error)), print_exception=False) from None
    except Exception:
        log.exception("A request failed.")
        message = "The server failed at this request; its log says why."
        raise gr.Error(message, print_exception=False) from None


def one_line_errors(function: Callable[Parameters, Result]) -> Callable[Parameters, Result]:
    """Let the caller of `function` be told in one line what it raises, as `refusals` does."""

    @functools.wraps(function)
    def guarded(*args: Parameters.args, **kwargs: Parameters.kwargs) -> Result:
        with refusals():
            return function(*args, **kwargs)

    return guarded


@one_line_errors
def translate(image: str, checkpoint: str, size: str = "auto", strength: float = 1.0) -> str:
    """Translate a picture with any of the server's checkpoints, for example a horse into a zebra.

    The result is a PNG of the picture's own size, upright and without metadata.

    Args:
        image: The picture: JPEG, PNG, WebP, HEIC, TIFF, GIF and others.
        checkpoint: The name of a checkpoint, as list_checkpoints gives it.
        size: The short side to work at in pixels, "native" for the picture's own, or "auto".
        strength: From 0 (the picture as it was) to 1 (the full translation).

    Returns:
        The translated picture.
    """
    return translate_file(image, checkpoint, size, strength).path


@one_line_errors
def list_checkpoints() -> list[dict[str, Any]]:
    """List the checkpoints that this server can translate with, those added since its start too.

    Returns:
        For each its name, title and summary; the terms of the data it was trained on (empty where
        they are not stated); the size of its files in bytes; and, where they were measured, its
        score and its speed, in seconds a picture of `size` x `size` pixels.
    """
    from cut.checkpoints import available

    rows = []
    for checkpoint in available():
        with suppress(CutError):  # a damaged config.json; the others are listed
            rows.append(_row(checkpoint))
    return rows


def _row(checkpoint: Checkpoint) -> dict[str, Any]:
    from cut.library.speed import recall
    from cut.web.library.telling import readable

    model = readable(checkpoint)
    speed = recall(model)
    return {
        "name": model.name,
        "title": model.title,
        "summary": model.summary,
        "score": model.score,
        "terms": model.terms,
        "bytes": model.size_bytes,
        "speed": asdict(speed) if speed else None,
    }


def endpoint_for(name: str, title: str) -> Endpoint:
    """Return `translate` for the one checkpoint called `name`, with a name and text of its own."""

    def translate_with(image: str, size: str = "auto", strength: float = 1.0) -> str:
        return translate_file(image, name, size, strength).path

    identifier = "".join(c if c.isalnum() else "_" for c in name)
    translate_with.__name__ = translate_with.__qualname__ = f"translate_with_{identifier}"
    translate_with.__doc__ = f"""Translate a picture with the checkpoint {name}: {title}.

    The result is a PNG of the picture's own size, upright and without metadata.

    Args:
        image: The picture: JPEG, PNG, WebP, HEIC, TIFF, GIF and others.
        size: The short side to work at in pixels, "native" for the picture's own, or "auto".
        strength: From 0 (the picture as it was) to 1 (the full translation).

    Returns:
        The translated picture.
    """
    return one_line_errors(translate_with)


@dataclass(frozen=True)
class Translation:
    """A translation that was made: both pictures, the path of the PNG, and a line about it."""

    before: Image.Image
    after: Image.Image
    path: str
    note: str


def translate_file(
    image: str | None, checkpoint: str | None, size: Any = "auto", strength: Any = 1.0
) -> Translation:
    """Translate the uploaded file `image` when its turn comes.

    Raises CutError for whatever is wrong with the four arguments, which come from outside.
    """
    from cut.pictures import png_bytes, read_picture

    choice, blend = parse_size(size), parse_strength(strength)
    name = find_by_name(checkpoint or "").name  # an unknown one need not wait in line
    source = uploaded(image)
    before = read_picture(source, name=source.name)
    after, working, seconds = _translate_at(name, before, choice, blend)
    path = store(png_bytes(after), f"{source.stem}-{name}.png")
    told = working_size.describe(working, *before.size)
    return Translation(
        before, after, str(path), f"{told[0].upper()}{told[1:]}, in {seconds:.1f} s."
    )


def uploaded(image: Any) -> Path:
    """The path `image`, if it is one of a file that was uploaded and not any file of the server."""
    if not image:
        raise CutError("There is no picture to translate: choose one (programs send it as image).")
    path = Path(str(image)).resolve()
    if not path.is_relative_to(Path(get_upload_folder()).resolve()):
        raise CutError("The picture was not uploaded: send it to /gradio/gradio_api/upload first.")
    return path


def store(content: bytes, name: str) -> Path:
    """Write a result where Gradio serves it from, in a folder of its own that no one can guess.

    Gradio would name the folder by the content, and so write a file anew while an equal request's
    answer is being read from it.
    """
    path = Path(get_upload_folder()) / secrets.token_hex(16) / name
    try:
        path.parent.mkdir(parents=True)
        path.write_bytes(content)
    except OSError as error:
        raise CutError(f"The server could not keep the result: {error.strerror}.") from error
    return path


def _translate_at(
    checkpoint: str, picture: Image.Image, choice: working_size.Choice, strength: float
) -> tuple[Image.Image, int | None, float]:
    """Translate at the chosen size, telling Gradio how far it is."""
    device = get_translator(checkpoint).placement.device.type
    trained = find_by_name(checkpoint).trained_side
    size = working_size.resolve(choice, *picture.size, device, trained)
    progress = request_progress()
    result, seconds = translate_in_line(checkpoint, picture, size, strength, progress=progress)
    return result, size, seconds


def parse_size(value: Any) -> working_size.Choice:
    """Return the working size that `value` means: "auto" (or nothing), "native", or pixels."""
    text = str(value if value is not None else "auto").strip().lower().removesuffix("px").strip()
    if text in {"auto", ""}:
        return "auto"
    if text == "native":
        return "native"
    try:
        size = int(float(text))
    except (ValueError, OverflowError):
        size = 0
    if size < 1:
        raise CutError(
            f"The size {str(value)[:40]!r} is none: "
            "give a short side in pixels, 'native' or 'auto'."
        )
    return size


def parse_strength(value: Any) -> float:
    """Return the strength that `value` means, from 0 to 1; nothing means 1."""
    try:
        strength = float(value if value is not None else 1.0)
    except (TypeError, ValueError):
        strength = -1.0
    if not 0.0 <= strength <= 1.0:
        raise CutError(f"The strength {str(value)[:40]!r} is not a number from 0 to 1.")
    return strength
