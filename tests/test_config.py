"""Settings as data: the paper's values, overrides as text, and what is refused."""

import dataclasses
import json
from typing import get_args, get_origin, get_type_hints

import pytest
import torch

from cut.config import PRESETS, CutSettings, from_dict, preset, quickest, to_dict, with_overrides
from cut.config.bounds import BOUNDS
from cut.config.checks import check
from cut.errors import CutError
from cut.networks.patchgan import PatchDiscriminator


def test_cut_has_the_papers_values() -> None:
    paper = preset("cut")
    assert (paper.ngf, paper.blocks, paper.ndf) == (64, 9, 64)
    assert (paper.lambda_gan, paper.lambda_nce, paper.identity) == (1, 1, True)
    assert (paper.layers, paper.patches, paper.temperature) == ((0, 4, 8, 12, 16), 256, 0.07)
    assert (paper.learning_rate, paper.beta1, paper.beta2) == (2e-4, 0.5, 0.999)
    assert (paper.load_size, paper.crop_size, paper.batch_size) == (286, 256, 1)
    assert (paper.epochs, paper.decay_epochs) == (400, 200)
    assert (paper.gan_loss, paper.flip_equivariance) == ("lsgan", False)
    assert (paper.discriminator_rate, paper.clip_spikes) == (1, None), "ours, off by default"


def test_fastcut_differs_in_what_the_paper_changes() -> None:
    cut, fast = to_dict(preset("cut")), to_dict(preset("fastcut"))
    assert {key: fast[key] for key in fast if fast[key] != cut[key]} == {
        "method": "fastcut",
        "lambda_nce": 10.0,
        "identity": False,
        "flip_equivariance": True,
        "epochs": 200,
        "decay_epochs": 50,
    }


@pytest.mark.parametrize(("method", "name"), [(m, name) for m in PRESETS for name in PRESETS[m]])
def test_presets_pass_their_own_check(method: str, name: str) -> None:
    settings = preset(method, name)
    assert check(settings) is settings
    assert settings.method == method


def test_unknown_presets() -> None:
    with pytest.raises(CutError, match="no method 'pix2pix': choose cut or fastcut"):
        preset("pix2pix")
    with pytest.raises(CutError, match="no preset 'huge' for cut: choose paper or compact"):
        preset("cut", "huge")


def test_settings_cannot_be_changed_in_place() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        preset("cut").ngf = 3


@pytest.mark.parametrize(
    ("key", "text", "value"),
    [
        ("ngf", "32", 32),
        ("lambda_nce", "2.5", 2.5),
        ("identity", "False", False),
        ("identity", "true", True),
        ("layers", "0,4,8", (0, 4, 8)),
        ("steps", "1000", 1000),
        ("steps", "none", None),
        ("gan_loss", "vanilla", "vanilla"),
        ("clip_spikes", "10", 10.0),
        ("clip_spikes", "None", None),
        ("learning_rate", "1e-4", 1e-4),
    ],
)
def test_overrides_are_parsed_by_type(key: str, text: str, value: object) -> None:
    changed = with_overrides(preset("cut"), {key: text})
    assert getattr(changed, key) == value
    assert type(getattr(changed, key)) is type(value)
    assert changed == dataclasses.replace(preset("cut"), **{key: value})


@pytest.mark.parametrize(
    ("key", "text", "message"),
    [
        ("ngff", "1", "no setting 'ngff': choose from .*ngf"),
        ("method", "fastcut", "no setting 'method'"),
        ("ngf", "wide", "setting ngf=wide: not a whole number"),
        ("ngf", "1.5", "setting ngf=1.5: not a whole number"),
        ("lambda_nce", "much", "setting lambda_nce=much: not a number"),
        ("identity", "yes", "setting identity=yes: write true or false"),
        ("layers", "0,four", "setting layers=0,four"),
        ("ngf", "0", "setting ngf=0: from 1 to 1,024"),
        ("steps", "0", "setting steps=0: from 1 to 1,000,000,000"),
        ("steps", "9" * 400, "setting steps=999999999999999999999999: from 1 to 1,000,000,000"),
        ("crop_size", "30", "setting crop_size=30: a multiple of 4, at least 32"),
        ("crop_size", "28", "setting crop_size=28: a multiple of 4, at least 32"),
        ("load_size", "255", "setting load_size=255: must not be under crop_size, 256"),
        ("ema", "1", "setting ema=1: from 0 to under 1"),
        ("learning_rate", "0", "setting learning_rate=0: above 0 to 1"),
        ("learning_rate", "-2e-4", "setting learning_rate=-0.0002: above 0 to 1"),
        ("beta1", "1", "setting beta1=1: from 0 to under 1"),
        ("temperature", "0", "setting temperature=0: from 0.001 to 100"),
        ("patches", "1", "setting patches=1: at least 2, or a patch has no negatives"),
        ("discriminator_layers", "7", "discriminator_layers=7: nothing would be left of a crop of"),
        ("gan_loss", "wgan", "setting gan_loss=wgan: choose lsgan or vanilla or nonsaturating"),
    ],
)
def test_overrides_that_make_no_sense(key: str, text: str, message: str) -> None:
    with pytest.raises(CutError, match=message) as caught:
        with_overrides(preset("cut"), {key: text})
    assert "\n" not in str(caught.value)


def test_settings_survive_json() -> None:
    for method in ("cut", "fastcut"):
        settings = preset(method)
        assert from_dict(json.loads(json.dumps(to_dict(settings)))) == settings


def test_settings_of_another_version() -> None:
    values = to_dict(preset("cut")) | {"warp": 9}
    with pytest.raises(CutError, match="settings of another version: unknown warp"):
        from_dict(values)


def test_the_rate_is_constant_then_linear_to_zero() -> None:
    settings = CutSettings(epochs=4, decay_epochs=2)
    total = settings.total_steps(epoch_length=5)
    assert total == 20
    factors = [settings.rate_factor(step, total) for step in range(total)]
    assert factors[:11] == [1.0] * 11
    assert factors[11:] == pytest.approx([0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1])
    assert settings.first_decaying(total) == 11
    assert CutSettings(decay_epochs=0).first_decaying(total) == total, "never"


def test_a_schedule_shorter_than_its_decay_falls_from_the_whole_rate() -> None:
    settings = CutSettings(epochs=2, decay_epochs=8)
    assert [settings.rate_factor(step, 4) for step in range(4)] == [1, 0.75, 0.5, 0.25]
    assert settings.first_decaying(4) == 1


def test_a_schedule_without_decay() -> None:
    settings = CutSettings(decay_epochs=0)
    assert settings.rate_factor(99, 100) == 1


def test_steps_replace_epochs() -> None:
    assert CutSettings(steps=7).total_steps(1000) == 7
    assert CutSettings(epochs=3, batch_size=4).total_steps(10) == 7
    assert CutSettings(epochs=1, batch_size=64).total_steps(10) == 1
    # The share that decays stays: half of a CUT run, a quarter of a FastCUT run.
    assert CutSettings(steps=100).rate_factor(75, 100) == 0.5
    fast = dataclasses.replace(preset("fastcut"), steps=100)
    assert [fast.rate_factor(step, 100) for step in (75, 90)] == [1, 0.4]


@pytest.mark.parametrize("method", ["cut", "fastcut", "cyclegan"])
def test_the_shipped_start_is_for_the_widths_it_was_made_for(method: str) -> None:
    compact = preset(method, "compact")
    assert compact.init == "reproducing"
    line = "init=reproducing: that start was made for ngf=32; choose it, or init=normal"
    with pytest.raises(CutError, match=line):
        with_overrides(compact, {"ngf": "16"})
    with_overrides(compact, {"ngf": "16", "init": "normal"})


def test_an_unknown_init_is_refused() -> None:
    with pytest.raises(CutError, match="init=zeros: choose xavier or normal or reproducing"):
        with_overrides(preset("cut"), {"init": "zeros"})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("0,99", "layers=0,99: the encoder's are 0 to 20"),
        ("0,four", "layers=0,four: not a whole number"),
        ("4,0", "ascending"),
        ("4,4", "each once"),
    ],
)
def test_layers_that_cannot_be_contrasted_are_refused(text: str, message: str) -> None:
    with pytest.raises(CutError, match=message):
        with_overrides(preset("cut"), {"layers": text})


@pytest.mark.parametrize(
    ("key", "text", "made_for"),
    [
        ("ngf", "3", "ngf=4"),
        ("embedding", "64", "embedding=256"),
        ("layers", "0,2", "layers=0,2,4"),
    ],
)
def test_a_start_for_other_networks_is_refused(key: str, text: str, made_for: str) -> None:
    quick = preset("sincut", "quick")
    with pytest.raises(CutError, match=f"that start was made for {made_for}; choose it, or"):
        with_overrides(quick, {key: text})
    with_overrides(quick, {key: text, "init": "random"})


@pytest.mark.parametrize("method", list(PRESETS))
def test_every_number_has_bounds(method: str) -> None:
    settings = preset(method)
    for name, kind in get_type_hints(type(settings)).items():
        kinds = {kind, *get_args(kind)}
        if get_origin(kind) is tuple or not kinds & {int, float}:
            continue
        bad = ["nan", "inf", "-inf", "-0.5"] if float in kinds else [f"-{10**19}", f"{10**19}"]
        for text in bad:
            with pytest.raises(CutError, match=f"^setting {name}={text[:24]}: (from|above) "):
                with_overrides(settings, {name: text})
        assert getattr(settings, name) is None or getattr(settings, name) in BOUNDS[name]


def test_bounds_are_of_settings_that_there_are() -> None:
    names = {name for method in PRESETS for name in to_dict(preset(method))}
    assert set(BOUNDS) <= names


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({"layers": "0,2,9"}, "setting layers=0,2,9: the encoder's are 0 to 5"),
        ({"layers": "2,0"}, "ascending"),
        ({"crop_size": "96"}, "setting crop_size=96: a power of two, at least 16"),
        ({"crop_size": "512", "ndf": "1"}, "setting ndf=1: no channel would be left at 512 px"),
        ({"crop_size": "2048", "ngf": "1"}, "setting ngf=1: no channel would be left at 2048 px"),
        ({"batch_size": "1"}, "setting batch_size=1: at least 2, or one patch has no negatives"),
        ({"zoom": "0"}, "setting zoom=0: above 0 to 1"),
    ],
)
def test_settings_of_a_pair_that_make_no_sense(overrides: dict[str, str], message: str) -> None:
    with pytest.raises(CutError, match=message):
        with_overrides(preset("sincut"), overrides)


@pytest.mark.parametrize("crop", [32, 36, 48, 64, 100])
def test_the_deepest_discriminator_leaves_a_verdict(crop: int) -> None:
    texts = {"crop_size": str(crop), "load_size": str(crop), "discriminator_layers": "10"}
    with pytest.raises(CutError, match="choose at most") as caught:
        with_overrides(preset("cut"), texts)
    deepest = int(str(caught.value).split()[-1])
    settings = with_overrides(preset("cut"), texts | {"discriminator_layers": str(deepest)})
    for antialias in (True, False):
        network = PatchDiscriminator(1, settings.discriminator_layers, antialias)
        assert network(torch.zeros(1, 3, crop, crop)).numel() >= 1
    with pytest.raises(RuntimeError):
        PatchDiscriminator(1, deepest + 1)(torch.zeros(1, 3, crop, crop))


def test_the_quickest_preset() -> None:
    assert [quickest(m) for m in ("cut", "sincut", "pix2pix")] == ["compact", "quick", ""]
