"""What the tests of the page Translate share: pictures to upload, and what a page tells."""

import io
from collections.abc import Callable

from streamlit.testing.v1 import AppTest

from cut.web.session import Session
from tests.helpers import make_picture

OpenPage = Callable[..., AppTest]


def file(name: str, seed: int = 0, width: int = 64, height: int = 48) -> tuple[str, bytes, str]:
    """A picture as the upload field receives it."""
    buffer = io.BytesIO()
    make_picture(width, height, seed=seed).save(buffer, "PNG")
    return name, buffer.getvalue(), "image/png"


def upload(page: AppTest, *files: tuple[str, bytes, str]) -> AppTest:
    page.file_uploader[0].set_value(list(files))
    return page.run()


def session_of(page: AppTest) -> Session:
    session: Session = page.session_state["cut"]
    return session


def errors(page: AppTest) -> list[str]:
    assert not page.exception, page.exception
    return [error.value for error in page.error]
