"""A generator as one ONNX file that takes any height and width, checked against PyTorch.

The graph pads by reflection and crops back, as `cut.translate` does. A StyleGAN2 generator's noise
is an input of its own: standard normal numbers that only PyTorch could draw again by a seed.
"""

import copy
import warnings
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from cut.checkpoints import Checkpoint
from cut.device import Placement
from cut.errors import CutError
from cut.files import whole_file
from cut.networks.generators import Generator, translated
from cut.networks.layers import EPSILON, MULTIPLE, InstanceNorm
from cut.networks.stylegan2 import StyleGAN2Generator, fixed_noise
from cut.translate import Translator

PACKAGES = ("onnx", "onnxscript", "onnxruntime")
SIZES = ((64, 48), (93, 130))
"""Height and width, in px, at which the file is compared with PyTorch."""

TOLERANCE = 1 / 255
"""The largest difference that passes, of a colour from 0 to 1."""

_LARGEST = 16384


class Check(NamedTuple):
    """What a comparison of the file with PyTorch found."""

    height: int
    width: int
    difference: float  # the largest, of a colour from 0 to 1


def export_onnx(
    checkpoint: Checkpoint,
    path: Path,
    overwrite: bool = False,
    tell: Callable[[str], None] = lambda _: None,
) -> list[Check]:
    """Write a model's generator to `path`, once ONNX Runtime computes with it what PyTorch does.

    Input `picture`: float32, 1 x 3 x H x W, RGB in [-1, 1], sides from 8 px. Output `translation`:
    the same, to be clamped to [-1, 1]. Input `noise`, where a StyleGAN2 generator uses any:
    standard normal, 1 x 1 x H' x W', sides rounded up to multiples of four.

    Args:
        tell: is told what is being done, a line at a time.

    Raises:
        CutError: a package is missing, a file is there already, the generator cannot be exported,
            or the file computes something else; nothing is written then.
    """
    if path.exists() and not overwrite:
        raise CutError(f"{path} is there already: add --overwrite or choose another name")
    onnx, runtime = _packages()
    generator = Translator(checkpoint, Placement(torch.device("cpu"))).generator
    tell("Tracing the generator")
    model = _traced(generator)
    with whole_file(path) as temporary:
        _describe(model, checkpoint)
        onnx.save(model, temporary)
        tell("Checking the file")
        onnx.checker.check_model(str(temporary), full_check=True)
        session = runtime.InferenceSession(str(temporary), providers=["CPUExecutionProvider"])
        checks = []
        for height, width in SIZES:
            tell(f"Comparing with PyTorch at {width} x {height} px")
            checks.append(_compared(session, generator, height, width))
    return checks


def _packages() -> tuple[ModuleType, ModuleType]:
    try:
        import onnx
        import onnxruntime
        import onnxscript  # noqa: F401 - torch.onnx writes with it
    except ImportError as error:
        raise CutError(
            f"the export to ONNX needs the package {error.name}: pip install {' '.join(PACKAGES)}"
        ) from error
    return onnx, onnxruntime


class _AnySize(nn.Module):
    """A generator between padding and cropping whose amounts the graph computes."""

    def __init__(self, generator: Generator):
        super().__init__()
        self.generator = generator

    def forward(self, picture: Tensor, noise: Tensor | None = None) -> Tensor:
        height, width = picture.shape[2:]
        padded = picture.index_select(2, _reflected(height)).index_select(3, _reflected(width))
        options = {} if noise is None else {"noise": noise}
        return self.generator(padded, **options)[0][:, :, :height, :width]


def _reflected(length: int) -> Tensor:
    """Which lines a side padded by `cut.networks.layers.pad_sides` is made of."""
    lines = torch.arange(MULTIPLE * ((length + MULTIPLE - 1) // MULTIPLE))
    return (length - 1) - (length - 1 - lines).abs()


def _traced(generator: Generator) -> Any:
    """The ONNX model of a generator, height and width left open."""
    twin = _AnySize(_with_plain_norms(generator)).eval()
    height, width = SIZES[1]
    sides = {2: torch.export.Dim("height", min=8, max=_LARGEST)}
    sides[3] = torch.export.Dim("width", min=8, max=_LARGEST)
    picture = torch.zeros(1, 3, height, width)
    noise = _noise(generator, height, width)
    auto = torch.export.Dim.AUTO
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of what the exporter uses of other packages
        try:
            program = torch.onnx.export(
                twin,
                (picture,) if noise is None else (picture, noise),
                input_names=["picture"] if noise is None else ["picture", "noise"],
                output_names=["translation"],
                dynamic_shapes=(sides,) if noise is None else (sides, {2: auto, 3: auto}),
                dynamo=True,
                verbose=False,
            )
        except torch.onnx.errors.OnnxExporterError as error:
            why = str(error.__cause__ or error).strip().splitlines()[0]
            raise CutError(f"PyTorch cannot write this generator as ONNX: {why}") from error
    assert program is not None
    return program.model_proto


def _with_plain_norms(generator: Generator) -> Generator:
    """A copy with PyTorch's own instance norm, which ONNX has a word for."""
    twin = copy.deepcopy(generator)
    for module in list(twin.modules()):
        for name, child in module.named_children():
            if isinstance(child, InstanceNorm):
                setattr(module, name, nn.InstanceNorm2d(1, eps=EPSILON))
    return twin


def _noise(generator: Generator, height: int, width: int) -> Tensor | None:
    """The noise that translating a picture of that size adds, or None if it adds none."""
    if not isinstance(generator, StyleGAN2Generator):
        return None
    strengths = [
        value for name, value in generator.named_parameters() if name.endswith("noise.weight")
    ]
    if not any(strength.any() for strength in strengths):
        return None
    return fixed_noise(*(side + -side % MULTIPLE for side in (height, width)))


def _compared(session: Any, generator: Generator, height: int, width: int) -> Check:
    """Compare both on a made picture of that size.

    Raises:
        CutError: they differ by more than TOLERANCE.
    """
    picture = _picture(height, width)
    noise = _noise(generator, height, width)
    given = {"picture": picture.numpy()} | ({} if noise is None else {"noise": noise.numpy()})
    got = session.run(None, given)[0]
    with torch.inference_mode():
        expected = translated(generator, picture).numpy()
    difference = float(np.abs(got.clip(-1, 1) - expected.clip(-1, 1)).max()) / 2
    if got.shape != expected.shape or not difference <= TOLERANCE:
        raise CutError(
            f"the ONNX file differs from PyTorch by {255 * difference:.1f}/255 at "
            f"{width} x {height} px: it was not kept"
        )
    return Check(height, width, difference)


def _picture(height: int, width: int) -> Tensor:
    """Waves of several lengths and directions: 1 x 3 x H x W in [-1, 1]."""
    y = torch.arange(height).view(-1, 1) / 7
    x = torch.arange(width).view(1, -1) / 5
    waves = [torch.sin(y + x), torch.cos(2.3 * y - x), torch.sin(0.4 * x) * torch.cos(0.3 * y)]
    return torch.stack(waves)[None]


def _describe(model: Any, checkpoint: Checkpoint) -> None:
    """Let the file say what it is, in the fields that ONNX has for that."""
    from onnx.helper import set_model_props

    model.producer_name, model.doc_string = "cut", checkpoint.title
    known = {
        "name": checkpoint.name,
        "summary": checkpoint.summary,
        "data": checkpoint.data,
        "terms": checkpoint.terms,
        "input": "picture: RGB in [-1, 1], 1 x 3 x height x width",
        "output": "translation: RGB, to be clamped to [-1, 1]",
    }
    set_model_props(model, {key: str(value) for key, value in known.items() if value})
