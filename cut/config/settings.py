"""What a training run of each method depends on; the defaults are the papers'."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Schedule:
    """How long a run of any method is, and how it optimises; the defaults are the paper's for CUT.

    Each method's settings add what its networks, objective and data need.
    """

    batch_size: int = 1
    learning_rate: float = 2e-4
    discriminator_rate: float = 1.0  # the discriminator's learning rate, times learning_rate
    beta1: float = 0.5
    beta2: float = 0.999
    epochs: int = 400  # an epoch is as long as the larger of the two sets
    decay_epochs: int = 200  # the last of them, or all, with the rate falling linearly to zero
    steps: int | None = None  # instead of epochs; the share that decays stays the same
    ema: float = 0.999  # of the weights used for translating
    # Gradients longer than this many times their usual length are shortened to that; None for
    # never, as published. A flat crop can blow one up through an instance norm, and Adam then
    # takes a step many times the usual in every weight at once.
    clip_spikes: float | None = None

    seed: int = 0

    def total_steps(self, epoch_length: int) -> int:
        """Steps of the whole run, given the draws in an epoch."""
        if self.steps is not None:
            return self.steps
        return max(1, self.epochs * epoch_length // self.batch_size)

    def rate_factor(self, step: int, total: int) -> float:
        """Share of the learning rate at `step` (from 0) of `total`: one, then linear to zero."""
        decaying = total * min(self.decay_epochs, self.epochs) / self.epochs
        return min(1.0, (total - step) / decaying) if decaying else 1.0

    def first_decaying(self, total: int) -> int:
        """The first step (from 0) of `total` with a lower rate, `total` if there is none.

        The published loader stops zooming in there.
        """
        decaying = total * min(self.decay_epochs, self.epochs) / self.epochs
        return min(total, int(total - decaying) + 1)


@dataclass(frozen=True)
class UnpairedSettings(Schedule):
    """What every method for two sets of pictures has: CUT's ResNet and PatchGAN, and the crops."""

    # Networks (CUT, appendix C.1)
    ngf: int = 64  # channels of the generator's first layer
    blocks: int = 9  # residual blocks
    antialias: bool = True  # blur when halving in the encoder
    antialias_up: bool = True  # blur when doubling in the decoder
    ndf: int = 64  # channels of the discriminator's first layer
    discriminator_layers: int = 3  # convolutions of the discriminator that halve
    # Initial weights: xavier (gain 0.02, as published), normal (0.02), or reproducing: a shipped
    # generator that gives back what it is given, with weights drawn as by normal around it.
    init: str = "xavier"
    # Compute the generator's activations again in the backward pass instead of keeping them: the
    # same numbers in less memory, for large crops.
    checkpointing: bool = False

    # Data
    load_size: int = 286  # px, each picture is resized to this square
    crop_size: int = 256  # px, of the random square cut from it
    crop_while_decaying: bool = False  # or resize straight to the crop then, as published

    @property
    def reproducing(self) -> bool:
        """Whether the generator begins as the shipped one that gives back what it is given."""
        return self.init == "reproducing"

    @property
    def drawn(self) -> str:
        """How weights are drawn where none are given: xavier or normal."""
        return "normal" if self.init in ("reproducing", "teacher") else self.init

    @property
    def generator(self) -> dict[str, Any]:
        """The generator's kind and arguments, as config.json describes it."""
        return {
            "kind": "resnet",
            "ngf": self.ngf,
            "blocks": self.blocks,
            "antialias": self.antialias,
            "antialias_up": self.antialias_up,
        }


@dataclass(frozen=True)
class CutSettings(UnpairedSettings):
    """What a training run of CUT or FastCUT depends on; the defaults are the paper's for CUT."""

    method: str = "cut"

    # Objective (section 3, equations 1 to 5)
    gan_loss: str = "lsgan"  # lsgan, vanilla (equation 1) or nonsaturating
    lambda_gan: float = 1.0
    lambda_nce: float = 1.0  # weight of PatchNCE, of the identity term too
    identity: bool = True  # PatchNCE on G(B) as well (equation 4)
    flip_equivariance: bool = False  # FastCUT: mirror the input half of the time
    layers: tuple[int, ...] = (0, 4, 8, 12, 16)  # contrasted layers of the encoder
    patches: int = 256  # places a layer
    embedding: int = 256  # dimensions of the patch heads
    temperature: float = 0.07
    # Not in the paper: the sliced Wasserstein distance to the target's patches, its weight.
    lambda_texture: float = 0.0
    # Nor is this: a second discriminator, on the features of an ImageNet network, its weight.
    lambda_vision: float = 0.0
    # Nor this, which keeps colours, where discriminators forget them: weight of the L1 between G(A)
    # and A, averaged over squares of 16 px.
    lambda_colour: float = 0.0
    # Nor this: the cycle B to A to B of CycleGAN, with a trained model for the way from B to A.
    way_back: str = ""  # its name or folder
    lambda_cycle: float = 0.0  # weight of |G(T(B)) - B|, T being that model
    # With masks, the discriminator sees the objects alone, and what is around them is to stay.
    masks: bool = False  # masksA/ and masksB/ beside trainA/ and trainB/ say where the objects are
    lambda_background: float = 10.0  # weight of |G(A) - A| outside the masks, if there are any
    # The same of what is finer than 16 px: stripes on a meadow count, another green does not.
    lambda_background_texture: float = 0.0


@dataclass(frozen=True)
class CycleGanSettings(UnpairedSettings):
    """What a training run of CycleGAN depends on; the defaults are as published with its code.

    The networks are CUT's, so that only the objectives differ; `antialias` and `antialias_up`
    false give those that CycleGAN was published with.
    """

    method: str = "cyclegan"

    # Objective (Zhu et al. 2017, section 3; the identity term is section 5.2's)
    gan_loss: str = "lsgan"
    lambda_A: float = 10.0  # weight of the cycle A to B to A
    lambda_B: float = 10.0  # weight of the cycle B to A to B
    lambda_identity: float = 0.5  # of both identity terms, times lambda_A or lambda_B
    pool_size: int = 50  # earlier translations of each side that a discriminator may see instead

    init: str = "normal"
    epochs: int = 200
    decay_epochs: int = 100
    crop_while_decaying: bool = True


@dataclass(frozen=True)
class DistillSettings(UnpairedSettings):
    """What a narrow generator's run depends on, that learns from another model (Li et al. 2020).

    The generator's defaults aim at the frames of a camera, eight a second of 256 x 256 px on two
    old cores. The pictures are not zoomed out at the end: it is to know what it will be shown.
    """

    method: str = "distill"
    teacher: str = ""  # name or folder of the model to learn from

    # Objective ("GAN Compression", section 3.1, without its distance between features)
    gan_loss: str = "lsgan"
    lambda_gan: float = 1.0
    lambda_teacher: float = 10.0  # weight of |G(A) - T(A)|, T being the teacher
    # px: nothing is learnt from black spots of the teacher's of that radius; 0: from everything.
    # Not in the paper: generators with instance norms put them into shadows, where one place that
    # stands out makes room for all others (StyleGAN's droplets, Karras et al. 2020, section 2).
    spots: int = 0

    ngf: int = 20
    blocks: int = 6
    antialias: bool = False
    ndf: int = 32
    # xavier, normal, or teacher: the channels of the teacher that what follows makes most of
    init: str = "teacher"
    epochs: int = 200
    decay_epochs: int = 100
    crop_while_decaying: bool = True


@dataclass(frozen=True)
class SinCutSettings(Schedule):
    """What a run of single-image CUT depends on; the defaults are the paper's (section 4.4)."""

    method: str = "sincut"

    # Networks: StyleGAN2's layers, their channels in proportion to these two
    ngf: int = 10  # the generator has 8 times as many at the size of a crop of 64 px
    blocks: int = 3  # residual blocks at half size, in the encoder and again in the decoder
    ndf: int = 8  # the discriminator has 4 times as many at the size of a crop of 64 px

    # Objective
    gan_loss: str = "nonsaturating"
    lambda_gan: float = 1.0
    lambda_nce: float = 4.0  # weight of PatchNCE on both sides
    lambda_identity: float = 1.0  # weight of |G(B) - B|
    lambda_r1: float = 1.0  # weight of R1
    layers: tuple[int, ...] = (0, 2, 4)  # contrasted layers of the encoder
    patches: int = 1  # places a layer and crop; the negatives come from the other crops
    embedding: int = 256  # dimensions of the patch heads
    temperature: float = 0.07
    # Not in the paper: the source in the target's colours shows the generator where to begin, and
    # the target's patches what to come to.
    init: str = "random"  # or reproducing: a shipped generator that gives back what it is given
    colour_steps: int = 0  # at first: learn to recolour, while the discriminator learns to tell
    lambda_colour: float = 0.0  # afterwards: weight of the L1 between both, coarsely
    lambda_texture: float = 0.0  # and of the sliced Wasserstein distance to the target's patches

    # Data: a step's crops have one zoom
    load_size: int | None = None  # px, short side that larger pictures are brought to
    crop_size: int = 64  # px, a power of two
    zoom: float = 1 / 3  # the pictures are scaled by U(zoom, 1) across and down
    epoch_crops: int = 100_000  # an epoch, since two pictures give no length of their own

    batch_size: int = 16
    learning_rate: float = 2e-3
    beta1: float = 0.0
    beta2: float = 0.99
    epochs: int = 16
    decay_epochs: int = 8

    @property
    def channels(self) -> tuple[int, int]:
        """The generator's channels at full and half size, as published for this size of crop."""
        full, half = (
            round(self.ngf * 512 / side) for side in (self.crop_size, self.crop_size // 2)
        )
        return (full, half) if self.crop_size > 64 else (full, min(512, half))

    @property
    def discriminator_channels(self) -> tuple[int, ...]:
        """The discriminator's channels at every size from the crop's to 4 px, as published."""
        sides = [self.crop_size >> k for k in range(self.crop_size.bit_length() - 2)]
        widths = [self.ndf * 256 // side for side in sides]
        return tuple(
            min(384, width) if side <= 32 else width
            for side, width in zip(sides, widths, strict=True)
        )

    @property
    def generator(self) -> dict[str, Any]:
        """The generator's kind and arguments, as config.json describes it."""
        return {"kind": "stylegan2", "channels": list(self.channels), "blocks": self.blocks}


NAMING_MODELS = ("teacher", "way_back")
"""Settings that name another model, by its name or its folder."""

Settings = CutSettings | CycleGanSettings | DistillSettings | SinCutSettings
