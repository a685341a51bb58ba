"""Small generators and pictures, and what they give in one piece and in bands."""

from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor

from cut.bands.describe import chain_of
from cut.bands.ops import sides
from cut.bands.plan import Plan, plan
from cut.bands.run import run_plan
from cut.device import Placement
from cut.networks.generators import Generator
from cut.networks.resnet import ResnetGenerator
from cut.networks.stylegan2 import StyleGAN2Generator, fixed_noise

CPU = Placement(torch.device("cpu"))

GENERATORS: dict[str, Callable[[], Generator]] = {
    "antialiased": lambda: ResnetGenerator(4, 2),
    "strided": lambda: ResnetGenerator(4, 1, antialias=False, antialias_up=False),
    "mixed": lambda: ResnetGenerator(2, 3, antialias=False, antialias_up=True),
    "stylegan2": lambda: StyleGAN2Generator((4, 6), 2),
}


def made_generator(name: str, placement: Placement = CPU) -> Generator:
    """Random weights, as large as training leaves them, so that every layer counts."""
    torch.manual_seed(0)
    generator = GENERATORS[name]()
    for key, parameter in generator.named_parameters():
        if "noise" in key:
            torch.nn.init.constant_(parameter, 0.5)
        elif isinstance(generator, ResnetGenerator) and parameter.ndim == 4:
            torch.nn.init.kaiming_normal_(parameter)
        elif parameter.ndim == 1 or "bias" in key:
            torch.nn.init.normal_(parameter, std=0.2)
    return placement.network(generator).eval().requires_grad_(False)


def made_pixels(height: int, width: int) -> Tensor:
    """1 x 3 x H x W in [-1, 1]: noise that is brighter at the bottom, so that bands differ."""
    noise = torch.rand((1, 3, height, width), generator=torch.Generator().manual_seed(1))
    return (noise + torch.linspace(0, 1, height)[:, None]) - 1


def one_piece(generator: Generator, pixels: Tensor, placement: Placement = CPU) -> Tensor:
    with torch.inference_mode():
        return generator(placement.batch(pixels))[0].float()


def lowest_bands(generator: Generator, height: int, width: int) -> Plan:
    """A plan with bands of one row, everything spilled: the one of the least memory."""
    from cut.bands.plan import TooLittle

    chain = chain_of(generator)
    try:
        plan(chain, width, height, 4, limit=1)
    except TooLittle as error:
        return plan(chain, width, height, 4, error.least)
    raise AssertionError("a byte cannot be enough")


def with_rows(way: Plan, rows: int, generator: Generator) -> Plan:
    """The same stages with bands of `rows` rows of the picture, or one of a smaller map."""
    heights = sides(chain_of(generator), way.height)
    stages = tuple(
        replace(
            stage,
            passes=tuple(
                replace(p, rows=max(1, rows * heights[p.stop] // way.height)) for p in stage.passes
            ),
        )
        for stage in way.stages
    )
    return replace(way, stages=stages)


def in_bands(
    generator: Generator, pixels: Tensor, way: Plan, placement: Placement = CPU, **options: object
) -> Tensor:
    """What the plan gives, in float32."""
    height, width = pixels.shape[2:]
    noise = fixed_noise(height, width) if isinstance(generator, StyleGAN2Generator) else None
    out = torch.full((1, 3, height, width), float("nan"))

    def sink(first: int, band: Tensor) -> None:
        out[:, :, first : first + band.shape[2]] = band

    run_plan(
        chain_of(generator, noise),
        way,
        placement,
        lambda rows: pixels[:, :, rows.start : rows.stop],
        sink,
        **options,  # type: ignore[arg-type]
    )
    return out
