"""Reading and remembering picture files, structure kept, the contact sheet."""

import os
from pathlib import Path

import pytest
import torch
from PIL import Image, ImageCms, ImageOps

from cut.errors import CutError
from cut.evaluation.features import Features, list_pictures, read_stored
from cut.evaluation.scores import Pair
from cut.evaluation.sheet import ContactSheet
from cut.evaluation.structure import structure_kept
from cut.pictures import read_picture
from tests.evaluation.stand_ins import ColourNetwork, fill, picture


def test_features_are_computed_once_a_file(tmp_path: Path) -> None:
    network = ColourNetwork()
    features, files = Features(network), list_pictures(fill(tmp_path / "a", range(4)))
    first = features.of_files(files, 32, pytest.fail)
    again = features.of_files(files[2:], 32, pytest.fail)
    assert network.seen == 4
    assert torch.equal(again, first[2:])
    picture(9).save(files[0])
    os.utime(files[0], ns=(1, 1))
    changed = features.of_files(files, 32, pytest.fail)
    assert network.seen == 5
    assert not torch.equal(changed[0], first[0])
    assert torch.equal(changed[1:], first[1:])
    features.of_files(files, 16, pytest.fail)
    assert network.seen == 9


def test_pictures_are_scored_as_stored_and_upright(tmp_path: Path) -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    swapped = profile.replace(b"rXYZ", b"?XYZ").replace(b"gXYZ", b"rXYZ").replace(b"?XYZ", b"gXYZ")
    exif = Image.Exif()
    exif[0x0112] = 6  # lies on its side
    plain, tagged = Image.new("RGB", (20, 10), (200, 40, 40)), tmp_path / "tagged.png"
    plain.save(tagged, icc_profile=swapped, exif=exif)
    assert read_picture(tagged).getpixel((0, 0)) != (200, 40, 40)  # the profile tells
    read = read_stored(tagged)
    assert read.getpixel((0, 0)) == (200, 40, 40)
    assert read.size == (10, 20)


def test_list_pictures_says_what_is_missing(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("no picture")
    with pytest.raises(CutError, match="holds no pictures"):
        list_pictures(tmp_path)
    with pytest.raises(CutError, match="does not exist"):
        list_pictures(tmp_path / "nowhere")


def test_structure_kept() -> None:
    one, other, flat = picture(1), picture(2), Image.new("RGB", (32, 32), "red")
    assert structure_kept(one, one) == pytest.approx(1)
    assert structure_kept(one, ImageOps.invert(one)) == pytest.approx(-1, abs=0.01)
    assert abs(structure_kept(one, other)) < 0.5
    assert structure_kept(one, flat) == 0


def test_sheet_has_each_input_over_its_output(tmp_path: Path) -> None:
    sheet = ContactSheet(tmp_path / "sheet.png")
    colours = ["red", "green", "blue"]
    for colour in colours:
        before, after = (Image.new("RGB", (64, 64), one) for one in (colour, "black"))
        sheet.add(Pair(Path(f"{colour}.png"), before, after, structure_kept=0.0))
    sheet.save()
    drawn = Image.open(tmp_path / "sheet.png")
    assert drawn.format == "PNG"
    for number, colour in enumerate(colours):
        x = 8 + number * 136 + 64
        assert drawn.getpixel((x, 8 + 64)) == Image.new("RGB", (1, 1), colour).getpixel((0, 0))
        assert drawn.getpixel((x, 8 + 192)) == (0, 0, 0)


def test_sheet_of_an_unknown_format_is_refused() -> None:
    with pytest.raises(CutError, match=r"NAME\.jpg"):
        ContactSheet(Path("sheet.gif"))
