"""Bands give what one piece gives: every generator, any sides, rows alone, disk and progress."""

import errno
from pathlib import Path
from typing import Any

import pytest
import torch

from cut.bands import stores
from cut.bands.describe import chain_of, turned
from cut.bands.plan import plan
from cut.bands.run import PARTS
from cut.bands.statistics import Statistics
from cut.device import Placement
from cut.errors import CutError
from tests.bands.made import (
    GENERATORS,
    in_bands,
    lowest_bands,
    made_generator,
    made_pixels,
    one_piece,
    with_rows,
)

CLOSE = 1e-4
"""Of a range of 2: a hundredth of what an eighth bit can tell."""


@pytest.mark.parametrize("name", GENERATORS)
@pytest.mark.parametrize("sides", [(12, 12), (8, 40), (100, 36), (212, 8)])
def test_bands_give_what_one_piece_gives(name: str, sides: tuple[int, int]) -> None:
    generator, pixels = made_generator(name), made_pixels(*sides)
    expected = one_piece(generator, pixels)
    assert expected.std() > 0.1, "weights and picture tell something"
    height, width = sides
    lowest = lowest_bands(generator, height, width)
    roomy = plan(chain_of(generator), width, height, 4, 1 << 40)
    assert not roomy.spilled
    for way in (
        lowest,
        with_rows(lowest, 1, generator),
        with_rows(lowest, 7, generator),
        with_rows(roomy, 24, generator),
        roomy,
    ):
        difference = (in_bands(generator, pixels, way) - expected).abs().max()
        assert difference < CLOSE


def test_without_the_halo_there_are_seams(monkeypatch: pytest.MonkeyPatch) -> None:
    """The comparison above would see a band that is computed from its own rows alone."""
    generator, pixels = made_generator("antialiased"), made_pixels(96, 36)
    way = with_rows(plan(chain_of(generator), 36, 96, 4, 1 << 40), 24, generator)

    def without_halo(op: Any, rows: range, height: int) -> range:
        first, last = rows.start // op.up * op.down, -(-rows.stop // op.up) * op.down
        return range(first, min(last, height))

    monkeypatch.setattr("cut.bands.run.rows_in", without_halo)
    assert (in_bands(generator, pixels, way) - one_piece(generator, pixels)).abs().max() > 0.02


def test_bfloat16_is_as_close_to_float32_as_in_one_piece() -> None:
    half = Placement(torch.device("cpu"), torch.bfloat16)
    pixels = made_pixels(64, 48)
    right = one_piece(made_generator("antialiased"), pixels)
    generator = made_generator("antialiased", half)
    way = with_rows(plan(chain_of(generator), 48, 64, 2, 1 << 40), 12, generator)

    def error(result: torch.Tensor) -> float:
        return float((result - right).square().mean().sqrt())

    whole = error(one_piece(generator, pixels, half))
    assert error(in_bands(generator, pixels, way, half)) < 1.2 * whole


@pytest.mark.parametrize("name", ["antialiased", "strided"])
def test_a_turned_generator_computes_the_transpose(name: str) -> None:
    generator, pixels = made_generator(name), made_pixels(24, 40)
    expected = one_piece(generator, pixels)
    across = one_piece(turned(generator), pixels.transpose(2, 3).contiguous())
    assert (across.transpose(2, 3) - expected).abs().max() < CLOSE
    assert torch.equal(one_piece(generator, pixels), expected), (
        "the one it was made of is as before"
    )


def test_statistics_are_those_of_the_whole() -> None:
    whole = torch.randn(1, 5, 64, 33) * 3 + 1000
    statistics = Statistics()
    for band in whole.split([1, 30, 2, 31], dim=2):
        statistics.add(band.to(memory_format=torch.channels_last))
    mean, variance = statistics.result(whole.device)
    right = whole.double().transpose(0, 1).flatten(1)
    assert torch.allclose(mean.double(), right.mean(1), rtol=1e-6)
    assert torch.allclose(variance.double(), right.var(1, correction=0), rtol=1e-4)


def test_progress_rises_to_its_end_and_what_it_raises_cancels(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    generator, pixels = made_generator("antialiased"), made_pixels(60, 24)
    way = with_rows(lowest_bands(generator, 60, 24), 20, generator)
    told: list[int] = []
    in_bands(generator, pixels, way, progress=lambda done, total: told.append(done))
    assert told[0] == 0 and told[-1] == PARTS and told == sorted(told)
    assert list(tmp_path.iterdir()) == []

    class CancelledError(Exception):
        pass

    written: list[int] = []
    write = stores.Spilled.write

    def told_of(store: stores.Spilled, first: int, band: torch.Tensor) -> None:
        written.append(first)
        write(store, first, band)

    monkeypatch.setattr(stores.Spilled, "write", told_of)

    def cancel(done: int, total: int) -> None:
        if done > total / 2:
            assert written, "it was spilling"
            raise CancelledError

    with pytest.raises(CancelledError):
        in_bands(generator, pixels, way, progress=cancel)
    assert list(tmp_path.iterdir()) == [], "nothing half-written is left"


def test_out_of_memory_halves_the_band_and_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    generator, pixels = made_generator("antialiased"), made_pixels(64, 24)
    expected = one_piece(generator, pixels)
    roomy = plan(chain_of(generator), 24, 64, 4, 1 << 40)
    block = generator.model[12].conv_block[1]  # type: ignore[union-attr]
    seen: list[int] = []

    def scarce(module: Any, inputs: tuple[torch.Tensor, ...]) -> None:
        seen.append(inputs[0].shape[2])
        if seen[-1] > 9:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 3 GB")

    handle = block.register_forward_pre_hook(scarce)
    assert (in_bands(generator, pixels, roomy) - expected).abs().max() < CLOSE
    assert max(seen) > 9 >= seen[-1]
    handle.remove()

    def never(*_: Any) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory.")

    block.register_forward_pre_hook(never)
    with pytest.raises(CutError, match="not enough for a single row"):
        in_bands(generator, pixels, roomy)


def test_a_full_disk_is_told_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    generator, pixels = made_generator("strided"), made_pixels(32, 24)
    way = lowest_bands(generator, 32, 24)

    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(stores.Spilled, "write", full)
        with pytest.raises(CutError, match="No space left on device; make room, set TMPDIR"):
            in_bands(generator, pixels, way)
    monkeypatch.setattr(stores, "SPARE", 1 << 60)
    with pytest.raises(CutError, match="GB free: make room, set TMPDIR"):
        in_bands(generator, pixels, way)
    spilled_to_memory = in_bands(generator, pixels, way, spill_to_disk=False)
    assert (spilled_to_memory - one_piece(generator, pixels)).abs().max() < CLOSE
