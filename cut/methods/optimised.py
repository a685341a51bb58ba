"""A network that learns: working weights, the float32 masters behind them, Adam, an average."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import Any, Generic

import torch
from torch import Tensor

from cut.device import Network, Placement
from cut.phases import phase


class Optimised(Generic[Network]):
    """A network in the working precision, with Adam on float32 master weights.

    In float32 the masters are the network's own parameters. In a lower precision the network
    holds a copy that is cast once a step, so that no step casts a weight twice and small updates
    are not rounded away.

    Args:
        network: initialised, on the CPU or its device, in float32.
        placement: device, precision and layout of the working copy.
        learning_rate, betas: of Adam.
        ema: decay of the average of the weights, or None to keep no average.
        clip_spikes: shorten gradients longer than this many times their usual length, or None.
    """

    def __init__(
        self,
        network: Network,
        placement: Placement,
        learning_rate: float,
        betas: tuple[float, float],
        ema: float | None = None,
        clip_spikes: float | None = None,
    ):
        self.ranks = placement.ranks
        self.low_precision = placement.dtype != torch.float32
        self.learning_rate = learning_rate
        network.to(placement.device)
        parameters = list(network.parameters())
        if self.low_precision:
            self.masters = [
                p.detach().to(memory_format=_layout(p, placement), copy=True) for p in parameters
            ]
        self.network = placement.network(network)
        if not self.low_precision:
            self.masters = list(self.network.parameters())
        self.betas, self.fused = betas, placement.device.type in ("cpu", "cuda")
        self.ema = ema
        self.average = [m.detach().clone() for m in self.masters] if ema is not None else []
        self.updates = 0
        self.clip_spikes = clip_spikes
        self.usual_norm = torch.zeros((), device=placement.device)

    @cached_property
    def adam(self) -> torch.optim.Adam:
        """Adam on the masters, made for the first step: it imports PyTorch's compiler.

        That takes seconds, and a run shows a first preview before its first step.
        """
        return torch.optim.Adam(self.masters, self.learning_rate, self.betas, fused=self.fused)

    def zero_grad(self) -> None:
        for parameter in self.network.parameters():
            parameter.grad = None

    def freeze(self, frozen: bool) -> None:
        """Whether to leave this network's gradients out of the next backward pass."""
        self.network.requires_grad_(not frozen)

    def step(self, rate_factor: float, scaler: torch.amp.GradScaler) -> None:
        """One Adam update from the network's gradients, at that share of the learning rate.

        Where several processes train, all make the same one, from the mean of their gradients.
        """
        with phase("optimisers"):
            self._update(rate_factor, scaler)
        with phase("average of the weights"), torch.no_grad():
            self._update_average()

    def _update(self, rate_factor: float, scaler: torch.amp.GradScaler) -> None:
        parameters: list[Tensor] = list(self.network.parameters())
        if self.low_precision:
            for master, parameter in zip(self.masters, parameters, strict=True):
                master.grad = None if parameter.grad is None else parameter.grad.float()
        self.ranks.average_([m.grad for m in self.masters if m.grad is not None])
        for group in self.adam.param_groups:
            group["lr"] = self.learning_rate * rate_factor
        if self.clip_spikes is not None:
            scaler.unscale_(self.adam)
            self._shorten_gradients(self.clip_spikes)
        scaler.step(self.adam)
        if self.low_precision:
            with torch.no_grad():
                torch._foreach_copy_(parameters, self.masters)

    def _shorten_gradients(self, times: float) -> None:
        """Scale the gradients so that their joint length is at most `times` the usual one.

        The usual length is a running mean over some hundred steps, of lengths so limited.
        """
        gradients = [master.grad for master in self.masters if master.grad is not None]
        length = torch.nn.utils.get_total_norm(gradients)
        usual = torch.where(self.usual_norm > 0, self.usual_norm, length)
        limited = torch.minimum(length, times * usual)
        torch._foreach_mul_(gradients, limited / (length + 1e-12))
        # An overflow in float16 is the scaler's to handle: it must not enter the mean.
        limited = torch.where(length.isfinite(), limited, usual)
        self.usual_norm = torch.lerp(usual, limited, 0.01)

    def _update_average(self) -> None:
        if self.ema is None:
            return
        # Early on the average would be mostly the random start: let it follow faster then.
        decay = min(self.ema, (1 + self.updates) / (10 + self.updates))
        self.updates += 1
        torch._foreach_lerp_(self.average, self.masters, 1 - decay)

    def weights(self, average: bool = False) -> dict[str, Tensor]:
        """A float32 state dict on the CPU, of the masters or of their average, buffers included."""
        state = {key: value.float() for key, value in self.network.state_dict().items()}
        names = [name for name, _ in self.network.named_parameters()]
        source = self.average if average and self.ema is not None else self.masters
        state.update(zip(names, source, strict=True))
        return {key: _plain(value) for key, value in state.items()}

    @contextmanager
    def averaged(self) -> Iterator[Network]:
        """The network with the averaged weights, which leave it again after the block."""
        working = {name: value.clone() for name, value in self.network.state_dict().items()}
        self.network.load_state_dict(self.weights(average=True))
        try:
            yield self.network
        finally:
            self.network.load_state_dict(working)

    def state_dict(self) -> dict[str, Any]:
        return {
            "weights": self.weights(),
            "average": [_plain(value) for value in self.average],
            "updates": self.updates,
            "usual_norm": self.usual_norm.cpu(),
            "adam": self.adam.state_dict(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.load_weights(state["weights"])
        with torch.no_grad():
            for mine, saved in zip(self.average, state["average"], strict=True):
                mine.copy_(saved)
        self.updates = state["updates"]
        self.usual_norm = state["usual_norm"].to(self.usual_norm.device)
        self.adam.load_state_dict(state["adam"])

    def load_weights(self, weights: dict[str, Tensor]) -> None:
        """Take over weights by name; the average starts from them."""
        self.network.load_state_dict(weights)
        names = [name for name, _ in self.network.named_parameters()]
        with torch.no_grad():
            torch._foreach_copy_(self.masters, [weights[name] for name in names])
            if self.average:
                torch._foreach_copy_(self.average, self.masters)


def _plain(value: Tensor) -> Tensor:
    return value.detach().to("cpu", torch.float32, copy=True).contiguous()


def _layout(parameter: Tensor, placement: Placement) -> torch.memory_format:
    return placement.memory_format if parameter.ndim == 4 else torch.contiguous_format
