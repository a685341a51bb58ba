"""StyleGAN2's networks of single-image CUT a second time, plainly, as functions of a state dict.

Written from the formulas, without the product's layers: blurs are dense convolutions of one
channel, every factor stands where the paper has it, the halving path blurs everything.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

State = dict[str, Tensor]


def blur(x: Tensor, before: int, after: int, gain: float = 1.0) -> Tensor:
    """[1, 3, 3, 1] both ways, summing to `gain`, over lines of zeros before and after."""
    line = torch.tensor([1.0, 3.0, 3.0, 1.0], dtype=x.dtype)
    kernel = gain * line[:, None] * line[None] / 64
    padded = F.pad(x, (before, after, before, after))
    one_channel = padded.flatten(0, 1)[:, None]
    return F.conv2d(one_channel, kernel[None, None])[:, 0].unflatten(0, x.shape[:2])


def activate(x: Tensor, bias: Tensor) -> Tensor:
    return math.sqrt(2) * F.leaky_relu(x + bias, 0.2)


def scaled(weight: Tensor) -> Tensor:
    return weight / math.sqrt(weight[0].numel())


def conv(state: State, name: str, x: Tensor, halve: bool = False) -> Tensor:
    """A convolution and activation; the weight and bias are the layer's last two parts."""
    first = 1 if halve else 0
    weight = scaled(state[f"{name}.{first}.weight"])
    if halve:
        y = F.conv2d(blur(x, 2, 2), weight, stride=2)
    else:
        y = F.conv2d(x, weight, padding=weight.shape[2] // 2)
    return activate(y, state[f"{name}.{first + 1}.bias"])


def residual(state: State, name: str, x: Tensor) -> Tensor:
    halve = f"{name}.skip.1.weight" in state
    y = conv(state, f"{name}.conv2", conv(state, f"{name}.conv1", x), halve)
    if halve:
        x = F.conv2d(blur(x, 1, 1), scaled(state[f"{name}.skip.1.weight"]), stride=2)
    return (y + x) / math.sqrt(2)


def encode(state: State, x: Tensor, last: int) -> list[Tensor]:
    """The features of layers 0 to `last`."""
    features = [x, conv(state, "encoder.convs.1", x)]
    for number in range(2, last + 1):
        features.append(residual(state, f"encoder.convs.{number}", features[-1]))
    return features


def generate(state: State, x: Tensor, noise: Tensor, blocks: int) -> Tensor:
    x = encode(state, x, 2 + blocks)[-1]
    for number in range(blocks):
        x = residual(state, f"decoder.convs.{number}", x)
    styled = f"decoder.convs.{blocks}"
    weight = state[f"{styled}.conv.weight"][0]
    weight = weight / math.sqrt(weight[0].numel())
    weight = weight / (weight.square().sum((1, 2, 3), keepdim=True) + 1e-8).sqrt()
    x = blur(F.conv_transpose2d(x, weight.transpose(0, 1), stride=2), 1, 1, gain=4.0)
    x = x + state[f"{styled}.noise.weight"] * noise
    x = activate(x, state[f"{styled}.activate.bias"])
    return conv(state, f"decoder.convs.{blocks + 1}", x)


def discriminate(state: State, x: Tensor) -> Tensor:
    x = conv(state, "convs.0", x)
    halvings = len({key.split(".")[1] for key in state if key.startswith("convs.")}) - 1
    for number in range(1, halvings + 1):
        x = residual(state, f"convs.{number}", x)
    x = conv(state, "final_conv", x).flatten(1)
    x = F.linear(x, scaled(state["final_linear.0.weight"]))
    x = activate(x, state["final_linear.0.bias"])
    return F.linear(x, scaled(state["final_linear.1.weight"]), state["final_linear.1.bias"])
