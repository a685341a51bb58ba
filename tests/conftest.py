"""What all tests share."""

import os
from collections.abc import Iterator

import pytest
import torch


def pytest_configure() -> None:
    """Let every process compute on one thread where several run tests: they share the cores."""
    if "PYTEST_XDIST_WORKER" in os.environ:
        torch.set_num_threads(1)
        os.environ |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}  # of what they start


@pytest.fixture
def one_thread() -> Iterator[None]:
    """Compute on one thread: with more, float32 sums are rounded in another order."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
