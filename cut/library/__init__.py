"""The user's library of models: put a trained one there, rename one, remove one.

Taking one in is `cut.library.imports`, apart from these since it imports PyTorch.
"""

from cut.library.store import claim, publish, remove, rename, validate_name

__all__ = ["claim", "publish", "remove", "rename", "validate_name"]
