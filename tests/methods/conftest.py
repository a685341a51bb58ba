"""What the tests of several methods share."""

from collections.abc import Iterator

import pytest
import torch
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode

from cut.device import Placement


@pytest.fixture
def fake_gpu(monkeypatch: pytest.MonkeyPatch) -> Iterator[Placement]:
    """A CUDA placement under FakeTensorMode."""
    # Fake parameters cannot be swapped, which `Module.to` would do; they are built in place.
    monkeypatch.setattr(nn.Module, "_apply", lambda self, fn, recurse=True: self)
    with FakeTensorMode():
        yield Placement(torch.device("cuda"))
