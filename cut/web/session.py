"""What one visitor keeps while moving between pages: pictures, checkpoint, results, complaints."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import streamlit as st
from PIL import Image

from cut.errors import CutError
from cut.pictures import check_sides, fit_within, read_picture
from cut.web.results import PREVIEW_SIDE, THUMBNAIL_SIDE, Key, ResultStore, jpeg_bytes

_STATE = "cut"


@dataclass(frozen=True)
class Source:
    """A picture that was brought to the page: its file as it came, and JPEG copies to show.

    `digest` names the content; `example` is the key of an example picture, else None.
    """

    name: str
    data: bytes = field(repr=False)
    digest: str
    width: int
    height: int
    preview: bytes = field(repr=False)
    thumbnail: bytes = field(repr=False)
    example: str | None = None

    @property
    def stem(self) -> str:
        """The file's name without its ending, fit to be part of a file's name."""
        kept = "".join(c if c.isalnum() or c in " -_.()" else "_" for c in Path(self.name).stem)
        return kept.strip(" .") or "picture"

    def picture(self) -> Image.Image:
        """Return the picture, decoded anew: upright, RGB, sRGB."""
        return read_picture(self.data, name=self.name)


def read_source(data: bytes, name: str, example: str | None = None) -> Source:
    """Return the picture in `data`, decoded once to see that it is one. Raises CutError if not."""
    picture = read_picture(data, name=name)
    check_sides(picture, name)
    return Source(
        name=name,
        data=data,
        digest=hashlib.sha256(data).hexdigest(),
        width=picture.width,
        height=picture.height,
        preview=jpeg_bytes(fit_within(picture, PREVIEW_SIDE)),
        thumbnail=jpeg_bytes(fit_within(picture, THUMBNAIL_SIDE)),
        example=example,
    )


@dataclass
class Session:
    """One visitor's state. Pages read `picture` and `checkpoint`; the page Translate fills them."""

    sources: list[Source] = field(default_factory=list)
    shown: str | None = None  # the digest of the picture that is looked at
    checkpoint: str | None = None
    greeted: str | None = None  # the digest of the picture that was shown unasked
    unasked: str | None = None  # the checkpoint that a page chose by itself
    compared: list[str] | None = None  # checkpoints side by side; None: one alone
    complaints: list[str] = field(default_factory=list)
    offered: int = 0  # how many files the complaints are about
    results: ResultStore = field(default_factory=ResultStore)
    cancelled: set[Key] = field(default_factory=set)  # translations not to begin by themselves
    links: dict[str, str] = field(default_factory=dict)  # what was last read from the address
    round: int = 0  # part of the upload field's key: a new round is an empty field

    @property
    def source(self) -> Source | None:
        """The picture that is looked at, or None before there is one."""
        for source in self.sources:
            if source.digest == self.shown:
                return source
        return self.sources[0] if self.sources else None

    def take(self, files: Sequence[tuple[str, bytes]]) -> None:
        """Keep the pictures among `files` (name, content) and complain of the others.

        If none of them is a picture, what was there before stays. A file that was there already is
        not decoded again. What is new is what is looked at.
        """
        known = {source.digest: source for source in self.sources}
        good: dict[str, Source] = {}
        self.complaints, self.offered = [], len(files)
        for name, data in files:
            digest = hashlib.sha256(data).hexdigest()
            try:
                good.setdefault(digest, known.get(digest) or read_source(data, name))
            except CutError as error:
                self.complaints.append(str(error))
        if not good:
            return
        new = [digest for digest in good if digest not in known]
        self.greeted = None
        self.sources = list(good.values())
        if new or self.shown not in good:
            self.shown = new[0] if new else self.sources[0].digest

    def take_one(self, source: Source) -> None:
        """Look at `source` alone; the upload field starts anew."""
        self.sources, self.shown, self.greeted = [source], source.digest, None
        self.complaints = []
        self.round += 1

    def greet(self, source: Source) -> None:
        """Look at `source` as long as nothing else was brought or chosen."""
        if not self.sources or (self.greeted and self.shown == self.greeted):
            self.sources, self.shown = [source], source.digest
            self.greeted = source.digest

    def complain(self, *errors: CutError) -> None:
        """Show `errors` on the page until something new is brought."""
        self.complaints, self.offered = [str(error) for error in errors], 1

    def clear(self) -> None:
        """Forget the pictures and the complaints about them."""
        self.sources, self.shown, self.complaints = [], None, []


def current() -> Session:
    """Return the session of the visitor whose page is running."""
    if _STATE not in st.session_state:
        st.session_state[_STATE] = Session()
    session: Session = st.session_state[_STATE]
    return session
