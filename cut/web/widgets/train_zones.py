"""Where pictures for training come in: two places side by side, and the example pairs."""

import io
from functools import cache

import streamlit as st
from PIL import Image

from cut.errors import CutError
from cut.jobs import LIMITS, Upload
from cut.web.example_pairs import example_pairs
from cut.web.results import jpeg_bytes
from cut.web.session import Source
from cut.web.training.draft import SIDES, Draft, Side, Zone, credits, pair_source
from cut.web.widgets.arrival import arrival
from cut.web.widgets.gallery import Item, gallery
from cut.web.widgets.plain import plain, sentence

_TILE = (320, 240)
_LABELS: dict[Side, str] = {
    "source": "**Painting**: what is to become a photo. Its shapes stay.",
    "target": "**Photo**: what it is to look like. Its colours and textures are learnt.",
}
_SET_LABELS: dict[Side, str] = {
    "source": "**Set A**: what is to be translated, such as photos of horses.",
    "target": "**Set B**: what it is to look like, such as photos of zebras.",
}


def pair_zones(draft: Draft) -> None:
    """Draw the places for the painting and the photo, and the example pairs below."""
    for column, side in zip(st.columns(2, gap="medium"), SIDES, strict=True):
        zone = draft.zones[side]
        with column.container(key=f"zone_{side}"):
            _pair_field(zone, side)
            _complain(zone)
            if zone.picture is not None:
                _show(zone.picture)
    st.caption("Or try one of these pairs:")
    gallery(
        "Example pairs",
        [Item(pair.key, pair.title, _tile(pair.key)) for pair in example_pairs()],
        chosen=draft.pair.key if draft.pair else None,
        on_pick=draft.take_pair,
        key="pairs",
    )
    if draft.pair is not None:
        st.caption(f"Example: {plain(credits(draft.pair))}")


def set_zones(draft: Draft) -> None:
    """Draw the places for the two sets of pictures."""
    st.caption("A zip of pictures or the pictures themselves; no two need to show the same.")
    for column, side in zip(st.columns(2, gap="medium"), SIDES, strict=True):
        zone = draft.zones[side]
        with column.container(key=f"set_{side}"):
            _set_field(zone, side)
            _complain(zone)
            if zone.count is not None and not zone.complaint:
                st.success(zone.count.words)


def _pair_field(zone: Zone, side: Side) -> None:
    arrived = f"cut_arrived_{side}"
    file = st.file_uploader(
        _LABELS[side],
        key=f"train_{side}-{zone.round}",
        on_change=lambda: st.session_state.update({arrived: True}),
    )
    with arrival(arrived) as came:
        if came and file is not None:
            with st.spinner("Reading the picture …"):
                zone.take(file.name, file.getvalue())
        elif came:
            zone.clear()


def _set_field(zone: Zone, side: Side) -> None:
    arrived = f"cut_arrived_set_{side}"
    files = st.file_uploader(
        _SET_LABELS[side],
        accept_multiple_files=True,
        max_upload_size=LIMITS.upload_bytes // 10**6,
        key=f"train_set_{side}",
        on_change=lambda: st.session_state.update({arrived: True}),
    )
    with arrival(arrived) as came:
        if came:
            with st.spinner("Counting the pictures …"):
                zone.take_set([Upload(file.name, file.getvalue()) for file in files])
    if zone.files and not files:
        # The field is empty after a visit to another page; what it held is still here.
        st.caption(f"Still here: {len(zone.files)} file{'s' if len(zone.files) > 1 else ''}.")


def _complain(zone: Zone) -> None:
    if zone.complaint:
        st.error(sentence(zone.complaint))


def _show(picture: Source) -> None:
    st.image(picture.preview, width="stretch", alt=picture.name)
    st.caption(f"{plain(picture.name)}, {picture.width} × {picture.height}")


@cache
def _tile(key: str) -> bytes:
    """Return a small JPEG file with the halves of a pair side by side; empty if there is none."""
    half = (_TILE[0] // 2, _TILE[1])
    tile = Image.new("RGB", _TILE)
    (pair,) = (pair for pair in example_pairs() if pair.key == key)
    for place, example in enumerate((pair.painting, pair.photo)):
        try:
            with Image.open(io.BytesIO(pair_source(example).data)) as picture:
                tile.paste(_filling(picture, half), (place * half[0], 0))
        except (OSError, CutError):
            continue
    return jpeg_bytes(tile)


def _filling(picture: Image.Image, size: tuple[int, int]) -> Image.Image:
    """Return the middle of `picture`, scaled to fill `size`."""
    scale = max(side / own for side, own in zip(size, picture.size, strict=True))
    scaled = picture.convert("RGB").resize([max(1, round(scale * own)) for own in picture.size])
    left, top = ((own - side) // 2 for own, side in zip(scaled.size, size, strict=True))
    return scaled.crop((left, top, left + size[0], top + size[1]))
