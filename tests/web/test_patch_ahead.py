"""What is computed before anybody asks: once, when nobody waits, without pushing others out."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from cut.correspondence.layers import Layers
from cut.errors import CutError
from cut.web import patch_ahead, patch_store
from cut.web.models import LINE
from cut.web.patch_ahead import Ahead
from cut.web.patch_store import KEPT_AHEAD, Entry, PatchStore
from tests.correspondences import random_layer


@dataclass
class Made:
    """Stands for a picture, and for a checkpoint."""

    digest: str = ""
    name: str = "model"
    changed: float = 0.0


@dataclass
class MadeView:
    """Stands for a correspondence."""

    layers: Layers = field(
        default_factory=lambda: Layers({0: 1, 4: 9, 8: 15}, lambda _: random_layer())
    )


@pytest.fixture
def computed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The digests of what is computed, in order."""
    digests: list[str] = []

    def compute(source: Made, *_: Any, ahead: bool) -> Any:
        assert ahead
        digests.append(source.digest)
        if source.digest == "broken":
            raise CutError("no picture")
        return Made()

    monkeypatch.setattr(patch_ahead, "compute", compute)
    return digests


@pytest.fixture
def begin(computed: list[str]) -> Callable[[str], None]:
    ahead = Ahead()

    def begin_and_wait(digest: str) -> None:
        ahead.begin(Made(digest), Made(), 256)  # type: ignore[arg-type]
        ahead.join()

    return begin_and_wait


def test_each_picture_is_computed_once_and_a_broken_one_stops_nothing(
    begin: Callable[[str], None], computed: list[str]
) -> None:
    for digest in ("a", "a", "broken", "broken", "b"):
        begin(digest)
    assert computed == ["a", "broken", "b"]


def test_it_leaves_the_line_to_those_who_wait(
    begin: Callable[[str], None], computed: list[str]
) -> None:
    with LINE.turn():
        begin("a")
    assert computed == []
    begin("a")
    assert computed == ["a"]


def test_what_nobody_asked_for_pushes_out_only_its_like(monkeypatch: pytest.MonkeyPatch) -> None:
    store = PatchStore(limit=2)

    def entry(digest: str) -> Entry:
        return Entry((digest, "model", 0.0, 256), None)  # type: ignore[arg-type]

    def kept(*digests: str) -> list[bool]:
        return [store.get(entry(digest).key) is not None for digest in digests]

    store.put(entry("looked at"))
    for number in range(KEPT_AHEAD + 1):
        store.put(entry(f"ahead {number}"), ahead=True)
    assert kept("ahead 0", "looked at", "ahead 1") == [False, True, True]
    # What was asked for is looked at now, and counts as such.
    assert kept("ahead 2", "looked at", "ahead 1") == [True, False, True]


@pytest.fixture
def picture(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Stands for a picture whose correspondence can be computed."""
    monkeypatch.setattr(patch_store, "STORE", PatchStore())
    monkeypatch.setattr(patch_store, "get_translator", lambda name: name)
    monkeypatch.setattr("cut.correspondence.correspond", lambda *_, **__: MadeView())
    return type("Picture", (Made,), {"picture": lambda self: None})("a")


def test_what_was_computed_ahead_is_found_whole(picture: Any) -> None:
    made = patch_store.compute(picture, Made(), 256, ahead=True)  # type: ignore[arg-type]
    assert made.view.layers.whole
    assert patch_store.find(picture, Made(), 256) is made  # type: ignore[arg-type]


def test_the_layer_that_is_shown_is_embedded_first_and_the_others_in_a_turn_of_their_own(
    picture: Any,
) -> None:
    checkpoint: Any = Made()
    entry = patch_store.begin(picture, checkpoint, 256, number=8)
    layers = entry.view.layers
    assert [layers.has(i) for i in range(3)] == [False, False, True]
    assert patch_store.find(picture, checkpoint, 256, 8) is entry
    assert patch_store.find(picture, checkpoint, 256) is None
    # Who wants to see another layer first adds it to what is kept.
    assert patch_store.begin(picture, checkpoint, 256) is entry
    assert [layers.has(i) for i in range(3)] == [False, True, True]
    waits: list[int] = []
    turn = LINE.turn()
    turn.__enter__()
    thread = threading.Thread(target=patch_store.complete, args=(entry, waits.append))
    thread.start()
    while not waits:
        time.sleep(0.001)
    assert not layers.whole
    turn.__exit__(None, None, None)
    thread.join()
    assert layers.whole
    assert waits == [1, 0]
