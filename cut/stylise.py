"""Style transfer of Gatys et al. (CVPR 2016), the paper's baseline for two single pictures.

Nothing is trained: the output picture itself is optimised by L-BFGS until VGG-19 sees the content
picture's features in it (relu4_2) and the style picture's correlations of features (relu1_1 to
relu5_1). Weights of the terms are those of the authors' own PyTorch code, their pooling is the
paper's (the average). They rescaled the network to a mean activation of one; here each layer's
features are divided by their mean over the two pictures, which needs no data set for it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from pickle import UnpicklingError
from urllib.error import URLError

import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor, nn

from cut.data.folders import to_tensor
from cut.device import Placement
from cut.errors import CutError
from cut.pictures import fit_within
from cut.previews import to_picture
from cut.randomness import generator_for

CONTENT_LAYER = 22
"""relu4_2, by its place in torchvision's `vgg19().features`."""

STYLE_LAYERS = (1, 6, 11, 20, 29)
"""relu1_1, relu2_1, relu3_1, relu4_1 and relu5_1."""

SIZES = (64, 1024)
"""px, bounds of the longer side: 512 x 512 took 0.8 GB in float32, and memory grows with area."""

_MIN_SIDE = 32  # px, two places at the stride of relu5_1
_HISTORY = 20  # steps that L-BFGS remembers, each two pictures
# Of ImageNet's pictures in [0, 1], as torchvision's networks take them.
_MEAN = torch.tensor((0.485, 0.456, 0.406)).view(3, 1, 1)
_STD = torch.tensor((0.229, 0.224, 0.225)).view(3, 1, 1)


@dataclass(frozen=True)
class Stylised:
    """The picture, the loss it began and ended with, and how often the loss was computed."""

    picture: Image.Image
    first_loss: float
    last_loss: float
    evaluations: int


def stylise(
    content: Image.Image,
    style: Image.Image,
    vgg: nn.Sequential,
    placement: Placement,
    *,
    size: int = 512,
    steps: int = 500,
    style_weight: float = 1e3,
    noise: bool = False,
    seed: int = 0,
    tell: Callable[[int, float], None] = lambda step, loss: None,
) -> Stylised:
    """Give the content picture the style picture's textures and colours.

    Args:
        content, style: RGB pictures; both are scaled to `size`, as in the paper.
        vgg: layers as `vgg19` has them; it is brought to the placement.
        placement: where and in which precision the network computes; the terms are in float32.
        size: px, the longer side of the result and of the style picture, never more than its own.
        steps: evaluations of the loss, at most (one more search along a line may be let finish).
        style_weight: of the style term, against one of the content term.
        noise: begin with noise, drawn from `seed`, instead of with the content picture.
        tell: hears of each evaluation, from 1, and its loss.

    Raises:
        CutError: a size, step or weight out of bounds, a picture too narrow, float16, or a loss
            that is no number.
    """
    check_options(placement, size, steps, style_weight)
    start, wanted = (_scaled(picture, size, placement) for picture in (content, style))
    network = placement.network(_averaging(vgg)).eval().requires_grad_(False)
    objective = Objective(network, start, wanted, placement, style_weight)
    if noise:
        start = torch.randn(start.shape, generator=generator_for(seed, "noise")).to(start.device)
    picture = start.clone().requires_grad_()
    losses: list[float] = []

    def evaluate() -> Tensor:
        loss = objective(picture)
        # L-BFGS flattens it as it lies, and the network's lies channels-last.
        (gradient,) = torch.autograd.grad(loss, picture)
        picture.grad = gradient.contiguous()
        losses.append(_number(loss, placement))
        tell(len(losses), losses[-1])
        return loss

    lbfgs = torch.optim.LBFGS(
        [picture],
        max_iter=steps,
        max_eval=steps,
        history_size=_HISTORY,
        tolerance_grad=0.0,
        tolerance_change=0.0,
        line_search_fn="strong_wolfe",
    )
    lbfgs.step(evaluate)
    last = _number(objective(picture.detach()), placement)
    return Stylised(to_picture(_shown(picture.detach()[0])), losses[0], last, len(losses))


class Objective:
    """The loss of a picture, B = 1, 3 x H x W, normalised as VGG takes it; 0-d, float32.

    Args:
        network: VGG-19's layers up to the last style layer.
        content, style: the two pictures, alike.
        placement: of the network.
        style_weight: of the style term, against one of the content term.
    """

    def __init__(
        self,
        network: nn.Sequential,
        content: Tensor,
        style: Tensor,
        placement: Placement,
        style_weight: float,
    ):
        self.network, self.placement, self.style_weight = network, placement, style_weight
        self.layers = sorted({CONTENT_LAYER, *STYLE_LAYERS})
        with torch.no_grad():
            of_content, of_style = (self._features(picture) for picture in (content, style))
            self.scales = {
                layer: (of_content[layer].mean() + of_style[layer].mean()).clamp_min(1e-12) / 2
                for layer in self.layers
            }
            self.content = of_content[CONTENT_LAYER] / self.scales[CONTENT_LAYER]
            self.grams = {k: gram(of_style[k] / self.scales[k]) for k in STYLE_LAYERS}

    def __call__(self, picture: Tensor) -> Tensor:
        features = {k: f / self.scales[k] for k, f in self._features(picture).items()}
        loss = content_loss(features[CONTENT_LAYER], self.content)
        for layer, wanted in self.grams.items():
            loss = loss + self.style_weight * style_loss(features[layer], wanted)
        return loss

    def _features(self, picture: Tensor) -> dict[int, Tensor]:
        """Of the layers that matter, in float32."""
        x, found = self.placement.batch(picture), {}
        for number, layer in enumerate(self.network):
            x = layer(x)
            if number in self.layers:
                found[number] = x.float()
        return found


def content_loss(features: Tensor, wanted: Tensor) -> Tensor:
    """The mean squared difference of features, 1 x C x H x W each (equation 1, as a mean); 0-d."""
    return F.mse_loss(features, wanted)


def gram(features: Tensor) -> Tensor:
    """Correlations of the channels of 1 x C x H x W, C x C: means over places (equation 3)."""
    rows = features[0].flatten(1)
    return rows @ rows.T / rows.shape[1]


def style_loss(features: Tensor, wanted: Tensor) -> Tensor:
    """A layer's part: the mean squared difference of Gram matrices, over C squared (equation 4)."""
    return F.mse_loss(gram(features), wanted) / len(wanted) ** 2


def vgg19() -> nn.Sequential:
    """VGG-19's layers as trained on ImageNet, up to relu5_1.

    The weights (548 MB) are downloaded once, to PyTorch's cache, and checked by their hash.

    Raises:
        CutError: they are neither here nor to be had.
    """
    from torchvision.models import VGG19_Weights
    from torchvision.models import vgg19 as build

    weights = VGG19_Weights.IMAGENET1K_V1
    with torch.device("meta"):
        layers: nn.Sequential = build().features[: STYLE_LAYERS[-1] + 1]
    try:
        state = weights.get_state_dict(map_location="cpu", check_hash=True, weights_only=True)
        prefix = "features."
        own = {k.removeprefix(prefix): v for k, v in state.items() if k.startswith(prefix)}
        layers.load_state_dict({key: own[key] for key in layers.state_dict()}, assign=True)
    except (URLError, OSError, RuntimeError, EOFError, UnpicklingError, KeyError) as error:
        # URLError and OSError: no network, no room. RuntimeError: another hash, half a file.
        # UnpicklingError: a file that holds more than tensors, of which nothing was run.
        cause = str(getattr(error, "reason", None) or error).strip().splitlines()[0]
        place = Path(torch.hub.get_dir()) / "checkpoints" / Path(weights.url).name
        raise CutError(
            f"stylise needs VGG-19's weights, which could not be loaded ({cause}): go online once, "
            f"or save {weights.url} as {place}"
        ) from error
    return layers


def check_options(placement: Placement, size: int, steps: int, style_weight: float) -> None:
    """Refuse what `stylise` would, before anything is downloaded.

    Raises:
        CutError: a size, step or weight out of bounds, or float16.
    """
    low, high = SIZES
    if not low <= size <= high:
        raise CutError(f"size {size}: from {low} to {high} px")
    if steps < 1:
        raise CutError(f"{steps} steps: at least 1")
    if not 0 <= style_weight < float("inf"):
        raise CutError(f"style weight {style_weight:g}: a number from 0")
    if placement.dtype == torch.float16:
        raise CutError("fp16 cannot hold the style term's small gradients: choose fp32 or bf16")


def _scaled(picture: Image.Image, size: int, placement: Placement) -> Tensor:
    """A picture within `size` px, 1 x 3 x H x W, normalised as VGG takes it, on the device."""
    scaled = fit_within(picture.convert("RGB"), size)
    if min(scaled.size) < _MIN_SIDE:
        raise CutError(
            f"a picture of {picture.width} x {picture.height} px is {scaled.width} x "
            f"{scaled.height} at size {size}: its shorter side needs at least {_MIN_SIDE}"
        )
    levels = (to_tensor(scaled) + 1) / 2
    return ((levels - _MEAN) / _STD)[None].to(placement.device)


def _shown(normalised: Tensor) -> Tensor:
    """3 x H x W as VGG takes it, in [-1, 1] instead."""
    return (normalised.cpu() * _STD + _MEAN) * 2 - 1


def _averaging(layers: nn.Sequential) -> nn.Sequential:
    """The same layers with average pooling, which the paper found more pleasing."""
    return nn.Sequential(
        *(nn.AvgPool2d(2) if isinstance(layer, nn.MaxPool2d) else layer for layer in layers)
    )


def _number(loss: Tensor, placement: Placement) -> float:
    value = loss.item()
    if value != value or abs(value) == float("inf"):
        raise CutError(
            f"the loss is no longer a number in {placement.precision}: choose fp32, or a smaller "
            "style weight"
        )
    return value
