"""The user's library of models: take one in, put a trained one there, rename one, remove one."""

from cut.library.imports import Imported, import_model
from cut.library.store import claim, publish, remove, rename, validate_name

__all__ = [
    "Imported",
    "claim",
    "import_model",
    "publish",
    "remove",
    "rename",
    "validate_name",
]
