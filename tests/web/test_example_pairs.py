"""The example pairs are there, small, bare of metadata, and their authors are named."""

import pytest
from PIL import Image

from cut.pictures import read_picture
from cut.web.example_pairs import FOLDER, PairPicture, example_pairs

PICTURES = [picture for pair in example_pairs() for picture in (pair.painting, pair.photo)]


@pytest.mark.parametrize("example", PICTURES, ids=lambda example: example.key)
def test_each_is_large_enough_to_train_on_small_to_ship_and_bare(example: PairPicture) -> None:
    picture = read_picture(example.path)
    assert 480 <= max(picture.size) <= 640
    assert example.path.stat().st_size < 150_000
    with Image.open(example.path) as stored:
        assert not stored.getexif()
        assert not {"exif", "xmp", "comment", "icc_profile"} & set(stored.info)


@pytest.mark.parametrize("example", PICTURES, ids=lambda example: example.key)
def test_the_readme_names_title_author_and_licence_in_one_row(example: PairPicture) -> None:
    lines = (FOLDER / "README.md").read_text(encoding="utf-8").splitlines()
    credits, source = (line for line in lines if line.startswith(f"| `{example.path.name}`"))
    assert all(text in credits for text in (example.title, example.credit, example.licence))
    assert "Debian" in source or "PyPI" in source


def test_the_folder_holds_nothing_else() -> None:
    expected = {example.path.name for example in PICTURES} | {"README.md"}
    assert {path.name for path in FOLDER.iterdir()} == expected


def test_keys_are_unique_and_name_the_files() -> None:
    assert len({pair.key for pair in example_pairs()}) == len(example_pairs()) >= 2
    for pair in example_pairs():
        assert pair.painting.key == f"{pair.key}_painting"
        assert pair.photo.key == f"{pair.key}_photo"
