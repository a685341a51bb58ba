"""The look of the patch view in the page's address: there and back, and what makes no sense."""

from typing import Any

import pytest

from cut.errors import CutError
from cut.web.patch_address import Look, Pin, fitting, read_look, reported
from cut.web.patch_session import PatchSession


class View:
    """As much of a correspondence as an address is held against."""

    def layer(self, number: int) -> None:
        if number not in (0, 4):
            raise CutError(f"layer {number} is not contrasted here: choose from 0, 4")

    def to_working(self, x: float, y: float) -> None:
        if not (0 <= x < 100 and 0 <= y < 50):
            raise CutError(f"place ({x}, {y}) is outside the picture")


@pytest.mark.parametrize(
    "look",
    [
        Look(),
        Look(layer=0, pins=(Pin(3, 4),)),
        Look(4, "negatives", "all", 16, 0, (Pin(0, 0, "input"), Pin(99, 49))),
    ],
)
def test_a_look_comes_back_from_its_address(look: Look) -> None:
    assert read_look(look.address()) == (look, [])


def test_a_fresh_page_leaves_the_address_alone() -> None:
    assert Look().address() == {}


@pytest.mark.parametrize(
    ("address", "told"),
    [
        ({"layer": ["four"]}, "layer=four"),
        ({"layer": ["-4"]}, "layer=-4"),
        ({"layer": ["²"]}, "layer=²"),
        ({"apart": ["9999999999999"]}, "from 0 to 64"),
        ({"opacity": ["101"]}, "from 0 to 100"),
        ({"map": ["heat"]}, "similarity, negatives"),
        ({"negatives": ["none"]}, "drawn, all"),
        ({"pin": ["12"]}, "pin=x,y"),
        ({"pin": ["1,2,sideways"]}, "pin=x,y"),
    ],
)
def test_what_is_not_understood_is_told_and_left_out(
    address: dict[str, list[str]], told: str
) -> None:
    look, (complaint,) = read_look(address)
    assert look == Look()
    assert told in complaint
    assert "\n" not in complaint


def test_what_a_view_does_not_have_is_told_and_left_out() -> None:
    look = Look(layer=5, pins=(Pin(3, 4), Pin(100, 4), Pin(-1, 4)))
    fitted, complaints = fitting(look, View())  # type: ignore[arg-type]
    assert fitted == Look(pins=(Pin(3, 4),))
    assert complaints == [
        "Layer 5 is not contrasted here: choose from 0, 4.",
        "Place (100, 4) is outside the picture.",
        "Place (-1, 4) is outside the picture.",
    ]


def test_no_more_than_two_places_are_held() -> None:
    look, _ = read_look({"pin": ["1,1", "2,2", "3,3"]})
    assert look.pins == (Pin(1, 1), Pin(2, 2))


def test_the_browsers_report_is_read() -> None:
    value = {
        "layer": 4, "show": "loss", "negatives": "drawn", "apart": 8, "opacity": 35,
        "pins": ["3,4,input"],
    }  # fmt: skip
    assert reported(value) == Look(4, "loss", "drawn", 8, 35, (Pin(3, 4, "input"),))
    assert reported({**value, "layer": None}) == Look(None, "loss", "drawn", 8, 35, value_pins())


def value_pins() -> tuple[Pin, ...]:
    return (Pin(3, 4, "input"),)


@pytest.mark.parametrize("value", [None, "x", {"show": "heat"}, {"apart": "far"}, {"pins": ["a"]}])
def test_a_senseless_report_is_ignored(value: Any) -> None:
    assert reported(value) is None


def test_what_is_asked_of_the_browser_stays_the_same_until_something_else_is_wanted() -> None:
    session = PatchSession()
    first = session.opening("picture", mounted=False)
    session.report({"show": "loss", "pins": ["3,4"]})
    assert session.look == Look(show="loss", pins=(Pin(3, 4),))
    assert session.opening("picture", mounted=True) is first
    # Back from another page, the browser has forgotten and is told.
    again = session.opening("picture", mounted=False)
    assert again["show"] == "loss"
    assert again["serial"] != first["serial"]
    # A new address leads.
    session.follow({"map": ["rank"]}, (256,), ("made",))
    assert session.opening("picture", mounted=True)["show"] == "rank"


def test_places_are_forgotten_with_their_picture_but_not_with_the_address_that_names_both() -> None:
    session = PatchSession()
    session.follow({"pin": ["3,4"]}, (256,), ())
    session.meet("one")
    assert session.look.pins == (Pin(3, 4),)
    session.follow({"pin": ["3,4"]}, (256,), ())
    session.meet("two")
    assert session.look.pins == ()
    session.follow({"pin": ["5,6"]}, (256,), ())
    session.meet("three")
    assert session.look.pins == (Pin(5, 6),)
