"""The size to translate at, and the words for it."""

import pytest

from cut.web.working_size import CHOICES, Choice, describe, label, resolve


@pytest.mark.parametrize(
    ("choice", "sides", "device", "expected"),
    [
        ("auto", (400, 300), "cpu", None),
        ("auto", (512, 900), "cpu", None),
        ("auto", (1024, 683), "cpu", 512),
        ("auto", (1024, 683), "cuda", None),
        ("auto", (3000, 4000), "cuda", 1024),
        ("native", (3000, 4000), "cpu", None),
        (256, (3000, 4000), "cpu", 256),
        (768, (400, 300), "cpu", 768),
    ],
)
def test_resolve(choice: Choice, sides: tuple[int, int], device: str, expected: int | None) -> None:
    assert resolve(choice, *sides, device) == expected


@pytest.mark.parametrize(
    ("choice", "trained", "expected"),
    [
        ("auto", 256, 256),
        ("auto", 144, 256),
        ("auto", 800, 512),
        ("auto", None, 512),
        ("native", 256, None),
        (768, 256, 768),
    ],
)
def test_automatic_is_no_larger_than_what_the_model_was_trained_on(
    choice: Choice, trained: int | None, expected: int | None
) -> None:
    assert resolve(choice, 1024, 683, "cpu", trained) == expected


def test_every_choice_has_words_of_its_own() -> None:
    assert len({label(choice) for choice in CHOICES}) == len(CHOICES)


def test_describe_tells_scaling_only_where_there_was_some() -> None:
    assert describe(None, 640, 480) == "Translated at its own size, 640 × 480"
    assert describe(480, 640, 480) == "Translated at its own size, 640 × 480"
    assert describe(256, 640, 480) == "Translated at 256 px (short side), scaled back to 640 × 480"
