"""KID's and FID's distances against naive loops and the library."""

import numpy as np
import pytest
from torch import Tensor

from cut.evaluation.distances import frechet_distance, squared_mmd
from tests.evaluation.stand_ins import rows


def test_squared_mmd_is_the_mean_over_different_pictures() -> None:
    a, b = rows(4), rows(6, seed=1, shift=0.3)

    def kernel(x: Tensor, y: Tensor) -> float:
        return (float(x @ y) / 5 + 1) ** 3

    within_a = [kernel(x, y) for i, x in enumerate(a) for j, y in enumerate(a) if i != j]
    within_b = [kernel(x, y) for i, x in enumerate(b) for j, y in enumerate(b) if i != j]
    between = [kernel(x, y) for x in a for y in b]
    naive = np.mean(within_a) + np.mean(within_b) - 2 * np.mean(between)
    assert squared_mmd(a, b) == pytest.approx(naive, rel=1e-12)


def test_squared_mmd_equals_the_library() -> None:
    library = pytest.importorskip("torch_fidelity.metric_kid")
    a, b = rows(30), rows(30, seed=1, shift=0.5)
    kernels = [library.kernel_poly(x.numpy(), y.numpy()) for x, y in ((a, a), (a, b), (b, b))]
    assert squared_mmd(a, b) == pytest.approx(library.mmd2(*kernels), rel=1e-9)


@pytest.mark.parametrize(("n", "m"), [(40, 60), (4, 6)])
def test_frechet_distance_equals_the_library(n: int, m: int) -> None:
    """With more rows than features and with fewer, where the covariances are singular."""
    library = pytest.importorskip("torch_fidelity.metric_fid")
    a, b = rows(n), rows(m, seed=1, shift=0.5)
    statistics = [library.fid_features_to_statistics(some) for some in (a, b)]
    expected = library.fid_statistics_to_metric(*statistics, verbose=False)
    # The library takes roots of eigenvalues that are zero but for rounding, to about 1e-8.
    assert frechet_distance(a, b) == pytest.approx(expected[library.KEY_METRIC_FID], abs=1e-6)
