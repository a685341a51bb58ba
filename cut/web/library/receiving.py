"""Files that a visitor uploads, taken into the library as a model."""

import tempfile
from collections.abc import Sequence
from pathlib import Path

from cut.errors import CutError
from cut.files import reason
from cut.library.imports import Imported, free_name, import_model
from cut.library.store import one_line

KINDS = ("pth", "zip")
MOST_BYTES = 10**9
"""Of one upload; the published models have up to 60 MB."""

Upload = tuple[str, bytes]
"""A file's name and content."""


def proposed_name(names: Sequence[str]) -> str:
    """A free name for the model in files of those names."""
    main = _main(names)
    stem = Path(main).name.rpartition(".")[0]
    for ending in ("_net_G", "_net_F", "_net_D"):
        stem = stem.removesuffix(ending)
    # The published files are all called that: it says nothing.
    return free_name("model" if stem == "latest" else stem)


def receive(files: Sequence[Upload], name: str, terms: str) -> Imported:
    """Take uploaded files into the library under `name`.

    Args:
        files: a zip, or a published `*_net_G.pth`, with its `_F` and `_D` if there are any.
        terms: of the data; empty for those that the model states itself.

    Raises:
        CutError: as `cut.library.import_model`; or the files are not of one model.
    """
    main = _main([file_name for file_name, _ in files])
    try:
        with tempfile.TemporaryDirectory(prefix="cut-upload-") as made:
            for file_name, content in files:
                (Path(made) / _plain(file_name)).write_bytes(content)
            return import_model(Path(made) / _plain(main), name, one_line(terms) or None)
    except OSError as error:
        raise CutError(f"the upload cannot be kept: {reason(error)}") from error


def _main(names: Sequence[str]) -> str:
    """Of the files, the one that is the model.

    Raises:
        CutError: there is none, or more than one.
    """
    zips = [name for name in names if name.lower().endswith(".zip")]
    weights = [name for name in names if name.lower().endswith(".pth")]
    parts = [name for name in weights if name.endswith(("_net_F.pth", "_net_D.pth"))]
    generators = [name for name in weights if name not in parts]
    other = [name for name in names if name not in zips + weights]
    if other:
        raise CutError(f"{other[0][:80]}: a .pth or a .zip can be imported")
    found = zips + generators
    if not found:
        raise CutError("there is no generator among the files: add its *_net_G.pth")
    if len(found) > 1 or (zips and parts):
        raise CutError(f"the {len(names)} files are not of one model: bring one model at a time")
    return found[0]


def _plain(name: str) -> str:
    """A file's name without folders: a browser may send any text."""
    kept = "".join(c for c in name.replace("\\", "/").rpartition("/")[2] if c.isprintable())
    return f"x{kept}"[:200] if kept.startswith(".") else kept[-200:]
