"""The example pictures are there, small, bare of metadata, and their authors are named."""

import subprocess
import sys

import pytest
from PIL import Image

from cut.pictures import read_picture
from cut.web.examples import FOLDER, Example, examples


@pytest.mark.parametrize("example", examples(), ids=lambda example: example.key)
def test_each_can_be_read_and_holds_no_metadata(example: Example) -> None:
    picture = read_picture(example.path)
    assert 256 <= max(picture.size) <= 1024
    with Image.open(example.path) as stored:
        assert not stored.getexif()
        assert not {"exif", "xmp", "comment", "icc_profile"} & set(stored.info)


@pytest.mark.parametrize("example", examples(), ids=lambda example: example.key)
def test_the_readme_names_title_author_and_licence_in_one_row(example: Example) -> None:
    lines = (FOLDER / "README.md").read_text(encoding="utf-8").splitlines()
    credits, source = (line for line in lines if line.startswith(f"| `{example.path.name}`"))
    assert all(text in credits for text in (example.title, example.credit, example.licence))
    assert "Debian" in source or "PyPI" in source


def test_the_folder_holds_nothing_else() -> None:
    expected = {example.path.name for example in examples()} | {"README.md"}
    assert {path.name for path in FOLDER.iterdir()} == expected
    assert sum(path.stat().st_size for path in FOLDER.iterdir()) < 1_500_000


def test_horses_come_first() -> None:
    assert all("horse" in example.key for example in examples()[:2])


def test_no_screen_is_imported() -> None:
    script = (
        "import sys, cut.web.examples; sys.exit(bool({'streamlit', 'gradio'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
