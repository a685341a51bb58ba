"""What a job and its model are called."""

import re
import secrets
import unicodedata
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from cut.errors import CutError
from cut.jobs.records import Upload

LONGEST_TITLE = 80


def clean_title(title: str) -> str:
    """A title on one line, without control characters, in at most LONGEST_TITLE characters."""
    printable = "".join(c if c.isprintable() else " " for c in title)
    return " ".join(printable.split())[:LONGEST_TITLE].rstrip()


def required_title(title: str) -> str:
    """As `clean_title`.

    Raises:
        CutError: nothing is left of it.
    """
    cleaned = clean_title(title)
    if not cleaned:
        raise CutError("the title is empty: write what the model makes, in a few words")
    return cleaned


def title_of(sources: Sequence[Upload], targets: Sequence[Upload]) -> str:
    """A title made from the names of the uploads: `monet to etretat`."""
    return clean_title(f"{_called(sources)} to {_called(targets)}")


def model_name(home: Path, title: str) -> str:
    """A name for the model that no other has: the title as a slug, and four characters."""
    plain = unicodedata.normalize("NFKD", title).encode("ascii", "ignore").decode().lower()
    slug = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:59].rstrip("-") or "model"
    return free_name(home, f"{slug}-{secrets.token_hex(2)}")


def free_name(home: Path, name: str) -> str:
    """The name, or the same with other four characters at the end if a model has it already."""
    stem = re.sub(r"-[0-9a-f]{4}$", "", name)[:59]
    while (home / "checkpoints" / name).exists():
        name = f"{stem}-{secrets.token_hex(2)}"
    return name


def _called(uploads: Sequence[Upload]) -> str:
    if len(uploads) != 1:
        return f"{len(uploads)} pictures"
    return PurePosixPath(uploads[0].name.replace("\\", "/")).stem[:36] or "picture"
