"""What one visitor has brought to be trained on, kept while moving between pages."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Literal

import streamlit as st

from cut.errors import CutError
from cut.jobs import Job, Jobs, Request, Upload
from cut.web.example_pairs import ExamplePair, PairPicture, example_pairs
from cut.web.session import Source, read_source
from cut.web.training.counting import Count, count_pictures

Side = Literal["source", "target"]
SIDES: tuple[Side, Side] = ("source", "target")

_STATE = "cut_train"
_SAME_START = 10.0
"""A second Start within so many seconds, with nothing changed, is a double click."""


@dataclass
class Zone:
    """One of the two places that take pictures."""

    picture: Source | None = None  # in the mode for a pair
    files: list[Upload] = field(default_factory=list)  # in the mode for two sets
    count: Count | None = None  # of `files`
    complaint: str = ""
    round: int = 0  # part of the upload field's key: a new round is an empty field

    def take(self, name: str, data: bytes) -> None:
        """Keep the picture in `data`; if it is none, complain and keep what was there."""
        try:
            self.picture, self.complaint = read_source(data, name), ""
        except CutError as error:
            self.complaint = str(error)

    def take_set(self, files: Sequence[Upload]) -> None:
        """Keep `files`, pictures and zips of pictures, and count what is in them."""
        self.files = list(files)
        self.count = count_pictures(self.files) if files else None
        self.complaint = self.count.complaint if self.count else ""

    def clear(self) -> None:
        """Forget the picture. The upload field stays: another file may be on its way into it."""
        self.picture, self.complaint = None, ""

    def put(self, picture: Source) -> None:
        """Show `picture`, an example; the upload field starts anew."""
        self.picture, self.complaint = picture, ""
        self.round += 1


@dataclass
class Draft:
    """Both places, and why the last Start was refused."""

    zones: dict[Side, Zone] = field(default_factory=lambda: {side: Zone() for side in SIDES})
    refusal: str = ""
    _last: tuple[object, float, str] | None = None  # what was started, when, and as which job

    @property
    def pair(self) -> ExamplePair | None:
        """The example pair that both pictures are of, or None."""
        brought = [zone.picture.example if zone.picture else None for zone in self._both]
        for pair in example_pairs():
            if brought == [pair.painting.key, pair.photo.key]:
                return pair
        return None

    def take_pair(self, key: str) -> None:
        """Show the two pictures of an example pair."""
        for pair in example_pairs():
            if pair.key == key:
                for zone, example in zip(self._both, (pair.painting, pair.photo), strict=True):
                    zone.put(pair_source(example))
                self.refusal = ""

    def uploads(self, side: Side, single: bool) -> list[Upload]:
        """Return what `side` holds, as files: one picture where `single`, else its set."""
        zone = self.zones[side]
        if not single:
            return zone.files
        return [Upload(zone.picture.name, zone.picture.data)] if zone.picture else []

    def start(self, jobs: Jobs, request: Request) -> Job | None:
        """Submit the job; None if it is refused, and `refusal` then says why."""
        single = request.method == "sincut"
        if single and self.pair:
            request = replace(request, title=self.pair.painting.title.split(",")[0])
        sources, targets = (self.uploads(side, single) for side in SIDES)
        wish = (repr(request), tuple(map(id, sources + targets)) if not single else self._digests)
        try:
            if self._last and self._last[0] == wish:
                _, moment, name = self._last
                if time.monotonic() - moment < _SAME_START:
                    return jobs.get(name)
            job = jobs.submit(request, sources, targets)
        except CutError as error:
            self.refusal = str(error)
            return None
        self.refusal, self._last = "", (wish, time.monotonic(), job.id)
        return job

    @property
    def _both(self) -> list[Zone]:
        return [self.zones[side] for side in SIDES]

    @property
    def _digests(self) -> tuple[str | None, ...]:
        return tuple(zone.picture.digest if zone.picture else None for zone in self._both)


def current() -> Draft:
    """Return the draft of the visitor whose page is running."""
    if _STATE not in st.session_state:
        st.session_state[_STATE] = Draft()
    draft: Draft = st.session_state[_STATE]
    return draft


@cache
def pair_source(example: PairPicture) -> Source:
    """Return one picture of an example pair, read once."""
    return read_source(example.path.read_bytes(), example.path.name, example=example.key)


def credits(pair: ExamplePair) -> str:
    """Return whom to thank for the two pictures of `pair`."""
    return " ".join(
        f"{example.title}, {example.credit} ({example.licence})."
        for example in (pair.painting, pair.photo)
    )
