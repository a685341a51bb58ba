"""Cityscapes scores against a naive loop over pixels; label files of every kind, and bad ones."""

import argparse
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cut.commands import evaluate as command
from cut.errors import CutError
from cut.evaluation import cityscapes
from cut.evaluation.cityscapes import confusion_matrix
from cut.evaluation.label_files import COLOURS, LABEL_IDS, Labels, pairs, read_labels


def labels(seed: int, classes: int = 19, ignored: float = 0.1) -> Labels:
    """A label map of 24 x 16 px in blocks, some of them ignored."""
    rng = np.random.default_rng(seed)
    blocks = rng.integers(0, classes, (8, 12), dtype=np.uint8)
    blocks[rng.random(blocks.shape) < ignored] = 255
    return blocks.repeat(2, 0).repeat(2, 1)


def naive(predicted: Labels, true: Labels) -> tuple[float, float, float]:
    """Pixel accuracy, class accuracy and mean IoU, counted one pixel at a time."""
    seen = [(int(p), int(t)) for p, t in zip(predicted.flat, true.flat, strict=True) if t != 255]
    right = sum(p == t for p, t in seen) / len(seen)
    recalls, ious = [], []
    for k in range(19):
        both = sum(p == k and t == k for p, t in seen)
        either = sum(p == k or t == k for p, t in seen)
        truly = sum(t == k for _, t in seen)
        if truly:
            recalls.append(both / truly)
        if either:
            ious.append(both / either)
    return right, sum(recalls) / len(recalls), sum(ious) / len(ious)


def half_right(true: Labels, seed: int) -> Labels:
    """`true` with about half of its pixels labelled otherwise."""
    other = labels(1000 + seed)
    return np.where(np.random.default_rng(seed).random(true.shape) < 0.5, other, true)


@pytest.mark.parametrize("classes", [19, 7])
def test_scores_equal_a_loop_over_pixels(classes: int) -> None:
    """With all classes, and with some that are nowhere or only predicted."""
    true = labels(1, classes)
    predicted = half_right(true, 2)
    confusion = confusion_matrix(predicted, true)
    assert confusion.shape == (19, 20)
    assert confusion.sum() == (true != 255).sum()
    found = [float(score(confusion)) for score in cityscapes.SCORES.values()]
    assert found == pytest.approx(naive(predicted, true), rel=1e-12)


def test_known_scores() -> None:
    true = np.array([[0, 0, 0, 0, 1, 1, 255, 255]], np.uint8)
    predicted = np.array([[0, 0, 1, 255, 1, 1, 0, 5]], np.uint8)
    confusion = confusion_matrix(predicted, true)
    assert cityscapes.pixel_accuracy(confusion) == pytest.approx(4 / 6)
    assert cityscapes.class_accuracy(confusion) == pytest.approx((2 / 4 + 1) / 2)
    assert cityscapes.mean_iou(confusion) == pytest.approx((2 / 4 + 2 / 3) / 2)


def test_matrices_of_several_pictures_add_up() -> None:
    trues = [labels(seed) for seed in range(3)]
    predicted = [half_right(true, 9) for true in trues]
    added = sum(map(confusion_matrix, predicted, trues))
    assert (added == confusion_matrix(np.vstack(predicted), np.vstack(trues))).all()


def test_unfit_maps_are_refused() -> None:
    with pytest.raises(CutError, match=r"24 x 16 px of predicted labels, 24 x 15 px of true"):
        confusion_matrix(labels(1), labels(1)[:15])
    with pytest.raises(CutError, match="label 19"):
        confusion_matrix(labels(1) % 19, np.full((16, 24), 19, np.uint8))


def test_intervals_are_those_of_drawing_pictures() -> None:
    trues = [labels(seed, ignored=0.3) for seed in range(12)]
    parts = np.stack([confusion_matrix(half_right(true, k), true) for k, true in enumerate(trues)])
    found = cityscapes.intervals(parts, draws=200, seed=4)
    assert found is not None
    weights = np.random.default_rng(4).multinomial(12, np.full(12, 1 / 12), 200)
    for name, score in cityscapes.SCORES.items():
        drawn = [
            score(sum(w * part for w, part in zip(row, parts, strict=True))) for row in weights
        ]
        assert found[name] == pytest.approx(np.quantile(drawn, (0.025, 0.975)))
        assert found[name][0] < score(parts.sum(0)) < found[name][1]
    assert cityscapes.intervals(parts[:4]) is None


def save(array: Labels, path: Path, palette: bool = False) -> Path:
    path.parent.mkdir(exist_ok=True)
    image = Image.fromarray(array)
    (image.convert("P", palette=Image.Palette.ADAPTIVE) if palette else image).save(path)
    return path


def in_colours(map_: Labels) -> Labels:
    table = np.zeros((256, 3), np.uint8)
    table[:19] = COLOURS
    return table[map_]


def test_every_kind_of_file_is_read(tmp_path: Path) -> None:
    expected = labels(3)
    ids = np.zeros(256, np.uint8)
    ids[:19] = LABEL_IDS
    files = [
        save(expected, tmp_path / "a_gtFine_labelTrainIds.png"),
        save(ids[expected], tmp_path / "a_gtFine_labelIds.png"),
        save(in_colours(expected), tmp_path / "a_gtFine_color.png"),
        save(in_colours(expected), tmp_path / "a.png", palette=True),
    ]
    for file in files:
        assert (read_labels(file) == expected).all(), file.name
    # The car's colour is a licence plate's, too; as the car it counts.
    car = np.full((2, 2, 3), (0, 0, 142), np.uint8)
    assert (read_labels(save(car, tmp_path / "car.png")) == 13).all()


def test_files_that_hold_no_labels_are_refused(tmp_path: Path) -> None:
    unclear = save(np.full((4, 4), 26, np.uint8), tmp_path / "unclear.png")
    with pytest.raises(CutError, match=r"the number 26: train ids are 0 to 18 and 255"):
        read_labels(unclear)
    too_high = save(np.full((4, 4), 34, np.uint8), tmp_path / "x_gtFine_labelIds.png")
    with pytest.raises(CutError, match="label ids are 0 to 33"):
        read_labels(too_high)
    blurred = save(np.full((4, 4, 3), (128, 64, 127), np.uint8), tmp_path / "blurred.png")
    with pytest.raises(CutError, match=r"colour \(128, 64, 127\)"):
        read_labels(blurred)
    (tmp_path / "broken.png").write_bytes(b"broken")
    with pytest.raises(CutError, match="not a PNG file of labels"):
        read_labels(tmp_path / "broken.png")


def test_files_are_paired_by_name(tmp_path: Path) -> None:
    for name in ("b", "a"):
        save(labels(1), tmp_path / "true" / f"{name}_gtFine_labelTrainIds.png")
        save(labels(1), tmp_path / "seen" / f"{name}_leftImg8bit.png")
    found = pairs(tmp_path / "seen", tmp_path / "true")
    assert [one.name[0] + other.name[0] for one, other in found] == ["aa", "bb"]
    save(labels(1), tmp_path / "seen" / "c.png")
    with pytest.raises(CutError, match=r"1 of the label files have no counterpart: there is no c"):
        pairs(tmp_path / "seen", tmp_path / "true")
    (tmp_path / "seen" / "c.png").rename(tmp_path / "seen" / "b.png")
    with pytest.raises(CutError, match="two files for b"):
        pairs(tmp_path / "seen", tmp_path / "true")


def call(*arguments: str | Path) -> int:
    parser = argparse.ArgumentParser()
    command.add_parser(parser.add_subparsers())
    args = parser.parse_args(["evaluate", "--metric", "cityscapes", *map(str, arguments)])
    return args.run(args)


def test_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    seen, true = tmp_path / "seen", tmp_path / "true"
    for number in range(6):
        map_ = labels(number)
        save(map_, true / f"{number}_gtFine_labelTrainIds.png")
        save(in_colours(half_right(map_, number)), seen / f"{number}.png")
    output = tmp_path / "scores.json"
    assert call("--source", seen, "--target", true, "--output", output, "--json") == 0
    out = capsys.readouterr().out
    result = json.loads(out.splitlines()[-1])
    assert json.loads(output.read_text()) == result
    assert 0.4 < result["pixel_accuracy"] < 0.6
    assert f"mean IoU: {result['mean_iou']:.3f}" in out
    low, high = result["intervals"]["mean_iou"]
    assert low < result["mean_iou"] < high
    assert result["images"] == 6
    assert len(result["iou"]) == 19


def test_command_refuses_in_one_line(tmp_path: Path) -> None:
    seen, true = tmp_path / "labels", tmp_path / "true"
    save(labels(1), seen / "a.png")
    save(labels(1)[:8], true / "a.png")
    with pytest.raises(CutError, match=r"^a\.png: 24 x 16 px of predicted labels, 24 x 8 px"):
        call("--source", seen, "--target", true)
    (true / "a.png").write_bytes(b"broken")
    with pytest.raises(CutError, match=r"^\S+true/a\.png is not a PNG file"):
        call("--source", seen, "--target", true)
    save(np.full((16, 24), 255, np.uint8), true / "a.png")
    with pytest.raises(CutError, match=r"no pixel in .* counts"):
        call("--source", seen, "--target", true)
    with pytest.raises(CutError, match="--checkpoint has no meaning with cityscapes"):
        call("--source", seen, "--target", true, "--checkpoint", "horse2zebra")
