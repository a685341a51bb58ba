"""Maps that are spilled."""

import os
from pathlib import Path

import pytest
import torch

from cut.bands.stores import Spilled


@pytest.mark.skipif(os.name != "posix", reason="elsewhere a file has a name as long as it is open")
def test_whoever_is_killed_leaves_no_file_behind(tmp_path: Path) -> None:
    store = Spilled((3, 4, 5), torch.float32, tmp_path, torch.device("cpu"))
    numbers = torch.rand(1, 3, 2, 5)
    store.write(1, numbers)
    assert not list(tmp_path.iterdir())
    assert torch.equal(store.read(range(1, 3)), numbers)
    store.close()
