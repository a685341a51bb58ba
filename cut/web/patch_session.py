"""What one visitor keeps of the patch view: what is shown, and how it stands in the address."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import streamlit as st

from cut.web.patch_address import Look, fitting, read_look, reported

if TYPE_CHECKING:
    from cut.correspondence import Correspondence

NAMES = ("layer", "map", "negatives", "apart", "opacity", "pin", "size", "compare")
"""What of the address is about the patch view alone."""

Address = Mapping[str, Sequence[str]]
_STATE = "cut_patches"


@dataclass
class PatchSession:
    """One visitor's patch view.

    The browser owns what is shown and reports it; `opening` is what Python asked it to show, which
    has to stay the same from run to run, or ten megabytes would travel again.
    """

    look: Look = field(default_factory=Look)
    size: int = 256
    compare: str | None = None
    complaints: list[str] = field(default_factory=list)
    _digest: str | None = None
    _address: dict[str, list[str]] = field(default_factory=dict)
    _arrived: bool = False
    _serial: int = 0
    _opening: tuple[str, dict[str, Any]] | None = None

    def follow(self, address: Address, sizes: Sequence[int], checkpoints: Sequence[str]) -> None:
        """Take over what `address` asks for, if it was not this page that wrote it."""
        asked = {name: list(address[name]) for name in NAMES if address.get(name)}
        self._arrived = bool(asked) and asked != self._address
        if not self._arrived:
            return
        self._address = asked
        self.look, self.complaints = read_look(asked)
        self._opening = None
        for value in asked.get("size", [])[-1:]:
            if value in map(str, sizes):
                self.size = int(value)
            else:
                listed = ", ".join(map(str, sizes))
                self.complaints.append(f"There is no size={value[:40]}; choose one of: {listed}.")
        for value in asked.get("compare", [])[-1:]:
            if value in checkpoints:
                self.compare = value
            else:
                listed = ", ".join(checkpoints)
                self.complaints.append(
                    f"There is no checkpoint {value[:80]!r} to compare with; choose one of: "
                    f"{listed}."
                )

    def meet(self, digest: str | None) -> None:
        """Look at the picture of that digest: places of another one mean nothing on it."""
        if self._digest is not None and digest != self._digest and not self._arrived:
            self.look = replace(self.look, pins=())
            self.complaints = []
        self._digest = digest

    def fit(self, view: "Correspondence") -> None:
        """Drop what `view` does not have, and say so if the address had asked for it."""
        self.look, complaints = fitting(self.look, view)
        if self._arrived:
            self.complaints += complaints

    def report(self, value: Any) -> None:
        """Take over what the browser says that it shows."""
        look = reported(value)
        if look is not None:
            self.look = look
            self.complaints = []

    def opening(self, identity: str, mounted: bool) -> dict[str, Any]:
        """Return what to show at first of the content `identity`.

        `mounted` tells whether the browser has been showing a view since the last run: if not, it
        is told anew what to show.
        """
        if self._opening is None or self._opening[0] != identity or not mounted:
            self._serial += 1
            self._opening = (identity, {**self.look.opening(), "serial": self._serial})
        return self._opening[1]

    def write(self, keeps_places: bool) -> None:
        """Write into the address what differs from a fresh page.

        Places are left out unless `keeps_places`: the address cannot name an uploaded picture.
        """
        asked = self.look.address()
        if not keeps_places:
            asked.pop("pin", None)
        if self.size != PatchSession.size:
            asked["size"] = [str(self.size)]
        if self.compare:
            asked["compare"] = [self.compare]
        self._address = asked
        for name in NAMES:
            if st.query_params.get_all(name) != asked.get(name, []):
                if name in asked:
                    st.query_params[name] = asked[name]
                else:
                    del st.query_params[name]


def current() -> PatchSession:
    """Return the patch view of the visitor whose page is running."""
    if _STATE not in st.session_state:
        st.session_state[_STATE] = PatchSession()
    state: PatchSession = st.session_state[_STATE]
    return state
