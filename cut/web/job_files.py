"""The pictures of training jobs by address, so that a browser fetches each of them once.

A job's id cannot be guessed, and the guard in front of the server stands before these routes too.
"""

import io
from pathlib import Path

from fastapi import FastAPI
from fastapi.responses import FileResponse, Response
from PIL import Image

from cut.errors import CutError
from cut.pictures import fit_within
from cut.web.results import PREVIEW_SIDE, THUMBNAIL_SIDE, jpeg_bytes
from cut.web.training.store import jobs

_KEEP = {"Cache-Control": "private, max-age=3600"}


def folder_of(id: str) -> str:
    """Return the address, relative to the server's, below which a job's pictures are."""
    return f"training/{id}"


def furnish_job_files(app: FastAPI) -> None:
    """Add the routes to `app`."""

    @app.get("/training/{id}/source.jpg", include_in_schema=False)
    def source(id: str) -> Response:
        return _source(id, PREVIEW_SIDE)

    @app.get("/training/{id}/source/thumbnail.jpg", include_in_schema=False)
    def source_thumbnail(id: str) -> Response:
        return _source(id, THUMBNAIL_SIDE)

    @app.get("/training/{id}/{step}.jpg", include_in_schema=False)
    def picture(id: str, step: int) -> Response:
        path = _preview(id, step)
        if path is None or not path.is_file():
            return Response(status_code=404)
        return FileResponse(path, media_type="image/jpeg", headers=_KEEP)

    @app.get("/training/{id}/{step}/thumbnail.jpg", include_in_schema=False)
    def thumbnail(id: str, step: int) -> Response:
        path = _preview(id, step)
        return Response(status_code=404) if path is None else _small(path, THUMBNAIL_SIDE)


def _source(id: str, side: int) -> Response:
    try:
        return _small(jobs().picture(id, "source"), side)
    except CutError:
        return Response(status_code=404)


def _preview(id: str, step: int) -> Path | None:
    try:
        found = jobs().previews(id)
    except CutError:
        return None
    return next((preview.path for preview in found if preview.step == step), None)


def _small(path: Path, side: int) -> Response:
    try:
        content = io.BytesIO(path.read_bytes())
        with Image.open(content) as opened:
            opened.draft("RGB", (2 * side, 2 * side))  # lets the JPEG decoder skip what is not seen
            small = jpeg_bytes(fit_within(opened.convert("RGB"), side))
    except OSError:  # deleted meanwhile
        return Response(status_code=404)
    return Response(small, media_type="image/jpeg", headers=_KEEP)
