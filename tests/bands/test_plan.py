"""The plan alone: rows that are needed, what is kept, and how memory and work trade."""

import pytest

from cut.bands.describe import chain_of
from cut.bands.ops import Op, rows_in, rows_out, sides
from cut.bands.plan import Plan, TooLittle, plan
from cut.networks.resnet import ResnetGenerator
from tests.bands.made import GENERATORS

SIDES = (600, 800)


def chain() -> list[Op]:
    return chain_of(ResnetGenerator(8, 2))


def least_of(width: int, height: int, itemsize: int = 4) -> int:
    with pytest.raises(TooLittle) as told:
        plan(chain(), width, height, itemsize, limit=1)
    return told.value.least


@pytest.mark.parametrize(
    ("op", "rows", "expected"),
    [
        (Op("local", 1, halo=1), range(5, 9), range(4, 10)),
        (Op("local", 1, halo=3), range(0, 4), range(0, 7)),
        (Op("local", 1, halo=3), range(15, 20), range(12, 20)),
        (Op("local", 1, halo=1, down=2), range(3, 5), range(4, 12)),
        (Op("local", 1, halo=1, up=2), range(6, 7), range(2, 5)),
        (Op("local", 1, halo=1, up=2), range(7, 9), range(2, 6)),
        (Op("norm", 1), range(2, 3), range(2, 3)),
    ],
)
def test_the_rows_that_a_band_needs(op: Op, rows: range, expected: range) -> None:
    needed = rows_in(op, rows, height=20)
    assert needed == expected
    made = rows_out(op, needed)
    assert made.start <= rows.start and rows.stop <= made.stop


def test_sides_follow_halving_and_doubling() -> None:
    found = sides(chain(), 800)
    assert (found[0], min(found), found[-1]) == (800, 200, 800)


def peak(way: Plan) -> int:
    return max(one.memory for one in way.passes)


def test_a_plan_covers_the_chain_and_keeps_within_its_limit() -> None:
    for limit in (12_000_000, 20_000_000, 60_000_000):
        way = plan(chain(), *SIDES, 4, limit)
        assert [stage.start for stage in way.stages] == [
            0,
            *(stage.stop for stage in way.stages[:-1]),
        ]
        assert way.stages[-1].stop == len(chain())
        assert way.memory == peak(way) <= limit


def test_more_memory_is_never_more_work_and_none_is_spilled_where_there_is_enough() -> None:
    limits = (10_000_000, 15_000_000, 25_000_000, 50_000_000, 1_000_000_000)
    ways = [plan(chain(), *SIDES, 4, limit) for limit in limits]
    work = [way.work for way in ways]
    assert work == sorted(work, reverse=True)
    assert ways[0].spilled > 0
    assert ways[-1].spilled == 0
    kept = sum(op.kind in ("norm", "fork") for op in chain())
    assert len(ways[-1].passes) == kept + 1, "nothing is computed twice"


def test_the_least_that_would_do_does_and_a_byte_less_does_not() -> None:
    least = least_of(*SIDES)
    assert plan(chain(), *SIDES, 4, least).memory <= least
    with pytest.raises(TooLittle):
        plan(chain(), *SIDES, 4, least - 1)


def test_half_precision_and_smaller_pictures_need_less() -> None:
    assert least_of(*SIDES, itemsize=2) < least_of(*SIDES)
    assert least_of(300, 800) < least_of(*SIDES)


def test_every_norm_on_the_way_of_a_stage_has_its_statistics_first() -> None:
    way = plan(chain(), *SIDES, 4, least_of(*SIDES))
    known: set[int] = set()
    for one in way.passes:
        met = {p for p in range(one.start, one.stop) if chain()[p].kind == "norm"}
        assert met <= known
        known.add(one.stop)
    assert any(len(stage.passes) > 1 for stage in way.stages), "something is computed again"


@pytest.mark.parametrize("pixels", [12, 50])
def test_a_photo_of_many_megapixels_fits_into_little(pixels: int) -> None:
    """The 64-wide generator in bfloat16: 12 megapixels in memory, 50 with the disk's help."""
    import torch

    with torch.device("meta"):
        wide = chain_of(ResnetGenerator(64))
    sides_of = {12: (3000, 4000), 50: (5800, 8600)}[pixels]
    way = plan(wide, *sides_of, 2, 2_800_000_000)
    assert way.memory <= 2_800_000_000
    assert bool(way.spilled) == (pixels == 50)
    least_work = sum(
        op.macs * w * h
        for op, w, h in zip(
            wide, sides(wide, sides_of[0])[1:], sides(wide, sides_of[1])[1:], strict=True
        )
    )
    if pixels == 12:
        assert way.work < 1.5 * least_work


def test_every_generator_is_described() -> None:
    for make in GENERATORS.values():
        described = chain_of(make())
        assert described[-1].channels == 3
        assert all(op.run is not None for op in described if op.kind == "local")
