"""What is kept of translations, and the names they are given."""

import io
from dataclasses import dataclass
from pathlib import Path

import pytest
from PIL import Image, ImageChops

from cut.errors import CutError
from cut.web import results
from cut.web.results import Key, Result, ResultStore, names
from tests.helpers import make_picture


@dataclass
class Original:
    stem: str = "horse"

    def picture(self) -> Image.Image:
        return make_picture(seed=1)


def key(number: int) -> Key:
    return str(number), "tiny", 0.0, None


def put(store: ResultStore, number: int = 0) -> Result:
    return store.put(key(number), make_picture(seed=2), seconds=1.0, size=None)


def test_a_kept_result_comes_back_pixel_by_pixel() -> None:
    store = ResultStore()
    kept = put(store)
    assert store.get(key(0)) is kept
    assert store.get(key(1)) is None
    full = Image.open(io.BytesIO(kept.png(Original())))
    assert ImageChops.difference(full, make_picture(seed=2)).getbbox() is None


@pytest.mark.parametrize("strength", [0.0, 0.3])
def test_less_strength_is_a_blend_with_the_original(strength: float) -> None:
    store = ResultStore()
    mixed = Image.open(io.BytesIO(put(store).png(Original(), strength)))
    expected = Image.blend(make_picture(seed=1), make_picture(seed=2), strength)
    assert ImageChops.difference(mixed, expected).getbbox() is None


def test_the_oldest_unused_result_goes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(results, "KEPT_RESULTS", 2)
    store = ResultStore()
    first, second = put(store, 1), put(store, 2)
    store.get(key(1))
    put(store, 3)
    assert store.get(key(1)) is first
    assert store.get(key(2)) is None
    assert not second.path.exists()


def test_the_newest_result_stays_however_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(results, "KEPT_BYTES", 1)
    store = ResultStore()
    put(store, 1)
    kept = put(store, 2)
    assert store.get(key(1)) is None
    assert store.get(key(2)) is kept


def test_a_store_takes_its_files_with_it() -> None:
    store = ResultStore()
    path = put(store).path
    assert path.is_file()
    del store
    assert not path.parent.exists()


def test_all_stores_can_be_emptied_and_used_again() -> None:
    store = ResultStore()
    path = put(store).path
    ResultStore.remove_all()
    assert not path.parent.exists()
    assert store.get(key(0)) is None
    assert put(store).path.exists()


def test_a_file_removed_by_others_is_translated_again_or_told(tmp_path: Path) -> None:
    store = ResultStore()
    kept = put(store)
    kept.path.unlink()
    assert store.get(key(0)) is None
    with pytest.raises(CutError, match="no longer on disk"):
        kept.png(Original())


def test_names_tell_the_checkpoint_and_never_clash() -> None:
    assert names(["a", "A", "b", "a-first-2", "a"], "first") == [
        "a-first.png",
        "A-first-2.png",
        "b-first.png",
        "a-first-2-first.png",
        "a-first-3.png",
    ]
