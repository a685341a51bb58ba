"""Settings as data: the paper's values, overrides as text, and what is refused."""

import dataclasses
import json

import pytest

from cut.config import CutSettings, from_dict, preset, quickest, to_dict, with_overrides
from cut.config.checks import check
from cut.errors import CutError


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


@pytest.mark.parametrize("method", ["cut", "fastcut"])
@pytest.mark.parametrize("name", ["paper", "compact"])
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
        ("ngf", "0", "setting ngf=0: must be at least 1"),
        ("steps", "0", "setting steps=0: must be at least 1"),
        ("crop_size", "30", "setting crop_size=30: a multiple of 4, at least 32"),
        ("crop_size", "28", "setting crop_size=28: a multiple of 4, at least 32"),
        ("load_size", "255", "setting load_size=255: must not be under crop_size, 256"),
        ("ema", "1", "setting ema=1.0: from 0 to under 1"),
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
    assert [settings.is_decaying(step, total) for step in (10, 11)] == [False, True]


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


def test_an_unknown_init_is_refused() -> None:
    with pytest.raises(CutError, match="init=zeros: choose xavier or normal"):
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


@pytest.mark.parametrize("key", ["colour_steps", "lambda_colour", "lambda_texture"])
def test_what_the_paper_has_not_is_refused_if_negative(key: str) -> None:
    with pytest.raises(CutError, match=f"{key}=-1"):
        with_overrides(preset("sincut"), {key: "-1"})


def test_the_quickest_preset() -> None:
    assert [quickest(m) for m in ("cut", "sincut", "pix2pix")] == ["compact", "quick", ""]
