"""Correspondences to test with: small random networks whose features differ from place to place."""

from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from cut.correspondence import Correspondence, LayerView, correspond
from cut.translate import Translator, load
from tests.helpers import TINY, make_checkpoint, make_picture


def make_translator(
    folder: Path, heads: bool = True, embedding: int = TINY.embedding
) -> Translator:
    """A translator with weights of a size that makes outputs colourful and patches distinct."""
    settings = replace(TINY, embedding=embedding)
    make_checkpoint(folder, ngf=4, blocks=5, heads=heads, settings=settings)
    translator = load(str(folder), "cpu", "fp32")
    networks = [translator.generator, *([translator.patch_heads] if heads else [])]
    generator = torch.Generator().manual_seed(0)
    for network in networks:
        assert network is not None
        for parameter in network.parameters():
            fan_in = parameter[0].numel() if parameter.ndim > 1 else 4
            parameter.normal_(0, fan_in**-0.5, generator=generator)
    return translator


def make_view(translator: Translator, width: int = 300, height: int = 256) -> Correspondence:
    return correspond(translator, noisy_picture(width, height))


@cache
def noisy_picture(width: int, height: int) -> Image.Image:
    """Colours in the large and noise in the small, so that every layer sees something."""
    coarse = np.asarray(make_picture(width, height), dtype=np.float32)
    noise = np.random.default_rng(1).normal(0, 25, coarse.shape)
    return Image.fromarray((coarse + noise).clip(0, 255).astype(np.uint8))


def random_layer(height: int = 6, width: int = 5, dim: int = 8, drawn: int = 7) -> LayerView:
    """A layer of random unit vectors, each query somewhat nearer to its key than to others."""
    rng = np.random.default_rng(2)
    keys = rng.normal(size=(height, width, dim))
    queries = keys + 1.5 * rng.normal(size=keys.shape)
    keys, queries = (v / np.linalg.norm(v, axis=2, keepdims=True) for v in (keys, queries))
    return LayerView(
        number=4,
        stride=2,
        receptive_field=9,
        size=(2 * width, 2 * height),
        xs=2 * np.arange(width, dtype=np.float32),
        ys=2 * np.arange(height, dtype=np.float32),
        input=keys.astype(np.float32),
        output=queries.astype(np.float32),
        drawn=rng.permutation(height * width)[:drawn],
    )
